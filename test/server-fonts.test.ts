import { drawSvg } from '../server/images.ts'

test('text in a plot is drawn with the shipped font, without any font of the system', async () => {
  const draw = (text: string) =>
    drawSvg(
      `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><text x="2" y="14" font-family="Inter, sans-serif">${text}</text></svg>`,
    )
  const dark = async (text: string) => (await draw(text)).data.filter(v => v < 0.5).length
  expect(await dark('')).toBe(0)
  expect(await dark('W')).toBeGreaterThan(20)
  expect(await dark('WWWW')).toBeGreaterThan(3 * (await dark('W')))
})
