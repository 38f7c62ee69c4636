/** From a number to a colour. Both scales are safe for colour-blind eyes and keep their order in grey. */
import { heatColor } from '../overlay.ts'
import { placeable, spanOf } from './draw.ts'

export type ColorScale = {
  /** The values at the ends of the scale. */
  readonly low: number
  readonly high: number
  readonly color: (value: number) => string
  /** Whether text on this colour should be dark. */
  readonly isLight: (value: number) => boolean
}

type Rgb = readonly [number, number, number]

/** Blue, white, orange: opposite signs in hues that every kind of colour vision tells apart; lightness falls with size. */
const diverging: readonly Rgb[] = [
  [0.02, 0.24, 0.49],
  [0.26, 0.55, 0.78],
  [0.97, 0.97, 0.97],
  [0.95, 0.58, 0.22],
  [0.55, 0.24, 0.02],
]

/** Colours of a scale: more than eyes tell apart, few enough to draw all cells of one colour as one shape. */
const shades = 64

/** `diverging` is white at 0 and equally strong on both sides; `sequential` runs from 0, or from the lowest when that is below, to the highest. */
export function colorScale(
  values: readonly number[],
  kind: 'diverging' | 'sequential',
  limits?: readonly [low: number, high: number],
): ColorScale {
  const [least, most] = spanOf(values) ?? [0, 1]
  const size = Math.max(Math.abs(least), Math.abs(most))
  const [low, high] = limits ?? (kind === 'diverging' ? [-size, size] : [Math.min(0, least), Math.max(least, most)])
  const place = (value: number) => {
    const at = (placeable(value) - low) / (high - low || 1)
    return Math.round(Math.min(1, Math.max(0, at)) * shades) / shades
  }
  // The last tenth of inferno is so light that it melts into white paper.
  const rgb = (value: number): Rgb => (kind === 'diverging' ? between(diverging, place(value)) : heatColor(place(value) * 0.93))
  return { low, high, color: value => hex(rgb(value)), isLight: value => luminance(rgb(value)) > 0.4 }
}

function between(stops: readonly Rgb[], at: number): Rgb {
  const place = at * (stops.length - 1)
  const i = Math.min(stops.length - 2, Math.floor(place))
  const mix = (c: number) => stops[i][c] + (place - i) * (stops[i + 1][c] - stops[i][c])
  return [mix(0), mix(1), mix(2)]
}

const hex = (color: Rgb): string =>
  `#${color
    .map(c =>
      Math.round(c * 255)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`

/** Relative luminance, WCAG 2 (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance). */
const luminance = (color: Rgb): number => {
  const [r, g, b] = color.map(c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
