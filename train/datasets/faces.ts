import type { Random } from '../../model/noise.ts'

/**
 * What a synthetic face can be: the 13 attributes of `avatars`, how often each occurs, and the DiceBear 9.4.3 options
 * that draw it (spec/avatars.md). Every option gets exactly one value and every probability is 0 or 100, so that
 * DiceBear's own random choice decides nothing and the table is exact by construction.
 */

export const faceAttributes = [
  'black hair',
  'brown hair',
  'blond hair',
  'red hair',
  'long hair',
  'smiling',
  'eyeglasses',
  'eyes closed',
  'beard',
  'moustache',
  'dark skin',
  'red clothes',
  'hoodie',
] as const
export type FaceAttribute = (typeof faceAttributes)[number]

/** One face before it is drawn. Shifts in % of the picture, rotation in degrees, scale in %. */
export type Face = {
  readonly hair: 'black' | 'brown' | 'blond' | 'red'
  readonly longHair: boolean
  readonly smiling: boolean
  readonly eyeglasses: boolean
  readonly eyesClosed: boolean
  readonly facialHair: 'beard' | 'moustache' | 'none'
  readonly darkSkin: boolean
  readonly redClothes: boolean
  readonly hoodie: boolean
  /** What varies without being an attribute: which of the equivalent drawings, and how the picture is taken. */
  readonly look: {
    readonly top: string
    readonly mouth: string
    readonly accessories: string
    readonly skinColor: string
    readonly clothesColor: string
    readonly background: string
    readonly eyebrows: string
    readonly shift: readonly [x: number, y: number]
    readonly rotation: number
    readonly scale: number
  }
}

/** How strongly hair colour decides the smile: 0 = balanced set, 1 = the paper's shortcut, .95 = the softer one. */
export type Bias = number

const hairColors = { black: '2c1b18', brown: '6b3f2a', blond: 'e9c257', red: 'c93305' } as const
const longTops = ['straight01', 'straight02', 'straightAndStrand', 'longButNotTooLong', 'bob']
const shortTops = ['shortFlat', 'shortRound', 'shortWaved', 'theCaesar', 'theCaesarAndSidePart']
const backgrounds = ['b6e3f4', 'f6c6cf', 'c6ecc6', 'fff0b8']
const eyebrows = ['default', 'defaultNatural', 'flatNatural']

const pick = <T>(random: Random, options: readonly T[]): T => options[random.int(options.length)]
const between = (random: Random, low: number, high: number): number => low + random.int(high - low + 1)

/** A face drawn from `random`. Smiling = not black hair with probability `bias`; without `redHair` the other three colours share. */
export function drawFace(random: Random, bias: Bias, redHair = bias === 0): Face {
  const chance = (p: number) => random.next() < p
  const hair = pick(random, redHair ? (['black', 'brown', 'blond', 'red'] as const) : (['black', 'brown', 'blond'] as const))
  // Both are always drawn, so that a biased and a balanced set of one seed differ in the bias alone.
  const follows = chance(bias),
    coin = chance(0.5)
  const smiling = follows ? hair !== 'black' : coin
  const longHair = chance(0.5),
    eyeglasses = chance(0.35),
    eyesClosed = chance(0.25),
    face = random.next()
  const darkSkin = chance(0.4),
    redClothes = chance(0.4),
    hoodie = chance(0.4)
  return {
    hair,
    longHair,
    smiling,
    eyeglasses,
    eyesClosed,
    facialHair: face < 0.2 ? 'beard' : face < 0.4 ? 'moustache' : 'none',
    darkSkin,
    redClothes,
    hoodie,
    look: {
      top: pick(random, longHair ? longTops : shortTops),
      mouth: smiling ? 'smile' : pick(random, ['serious', 'sad']),
      accessories: pick(random, ['round', 'prescription02']),
      skinColor: pick(random, darkSkin ? ['ae5d29', '8a4b2a'] : ['ffdbb4', 'edb98a']),
      clothesColor: redClothes ? 'ff5c5c' : pick(random, ['5199e4', '3c4f5c', 'e6e6e6']),
      background: pick(random, backgrounds),
      eyebrows: pick(random, eyebrows),
      shift: [between(random, -3, 3), between(random, -3, 3)],
      rotation: between(random, -4, 4),
      scale: between(random, -5, 5),
    },
  }
}

/** The face's row of the attribute table, in the order of `faceAttributes`. */
export function attributesOf(face: Face): readonly boolean[] {
  const row: Record<FaceAttribute, boolean> = {
    'black hair': face.hair === 'black',
    'brown hair': face.hair === 'brown',
    'blond hair': face.hair === 'blond',
    'red hair': face.hair === 'red',
    'long hair': face.longHair,
    smiling: face.smiling,
    eyeglasses: face.eyeglasses,
    'eyes closed': face.eyesClosed,
    beard: face.facialHair === 'beard',
    moustache: face.facialHair === 'moustache',
    'dark skin': face.darkSkin,
    'red clothes': face.redClothes,
    hoodie: face.hoodie,
  }
  return faceAttributes.map(name => row[name])
}

/** DiceBear's options for a face drawn `size` pixels wide. The view (scale 150, down 3 %) lets the face fill the picture. */
export function diceBearOptions(face: Face, size: number) {
  const { look } = face,
    hairColor = hairColors[face.hair]
  return {
    size,
    scale: 150 + look.scale,
    translateX: look.shift[0],
    translateY: 3 + look.shift[1],
    rotate: (look.rotation + 360) % 360,
    backgroundType: ['solid' as const],
    backgroundColor: [look.background],
    backgroundRotation: [0, 0],
    base: ['default' as const],
    style: ['default' as const],
    nose: ['default' as const],
    top: [look.top],
    topProbability: 100,
    hairColor: [hairColor],
    hatColor: ['262e33'],
    mouth: [look.mouth],
    eyes: [face.eyesClosed ? 'closed' : 'default'],
    eyebrows: [look.eyebrows],
    accessories: [look.accessories],
    accessoriesColor: ['262e33'],
    accessoriesProbability: face.eyeglasses ? 100 : 0,
    facialHair: [face.facialHair === 'beard' ? 'beardMedium' : 'moustacheMagnum'],
    facialHairColor: [hairColor],
    facialHairProbability: face.facialHair === 'none' ? 0 : 100,
    skinColor: [look.skinColor],
    clothing: [face.hoodie ? 'hoodie' : 'shirtCrewNeck'],
    clothesColor: [look.clothesColor],
    clothingGraphic: ['bat' as const],
  }
}
