import { chooseDevice, DEVICE_NAMES, isEager, type DeviceName } from '../engine/device.ts'
import { Session } from '../engine/session.ts'
import { recordStep } from '../engine/step.ts'

describe('devices', () => {
  test('auto gives one that starts, and says what else was found', async () => {
    const { device, reason, found } = await chooseDevice('auto')
    expect(DEVICE_NAMES).toContain(device)
    expect(isEager(device)).toBe(false)
    expect(reason).toMatch(/^auto: /)
    expect(found.map(finding => finding.device)).toEqual(['cuda', 'webgpu', 'cpu'])
  })

  test('a name nobody knows is refused with the names there are', async () => {
    await expect(chooseDevice('tpu' as DeviceName)).rejects.toThrow(/wanted one of auto, cuda.*got "tpu"/)
  })

  test('a tfjs package that is not installed is an error that says how to get it', async () => {
    const missing = await import('@tensorflow/tfjs-node-gpu' as string).then(
      () => false,
      () => true,
    )
    if (!missing) return
    await expect(chooseDevice('tfjs-node-gpu')).rejects.toThrow(
      /tfjs-node-gpu.*npm install @tensorflow\/tfjs-node-gpu --ignore-scripts=false/,
    )
  })

  test('the reference backend is a device too, but not one that compiles', async () => {
    const choice = await chooseDevice('tfjs-cpu')
    expect(choice.device).toBe('tfjs-cpu')
    const artifact = recordStep(
      (_, inputs) => ({ state: {}, outputs: inputs }),
      { name: 'same', inputs: { x: { shape: [1] } }, params: new Map() },
      'cpu',
    )
    await expect(Session.create(artifact, new Uint8Array(0), choice)).rejects.toThrow(
      /tfjs-cpu.*compiled needs cuda, webgpu or cpu/,
    )
  })
})
