/**
 * What a literal becomes for an input of a given type: the conversions ComfyUI makes (spec/comfyui.md 3.2, point 6), which are
 * Python's int(), float(), str() and bool(). Unlike there, NaN and infinity are refused: no node can do anything with them.
 */
export type Coerced = { readonly value: unknown } | { readonly fault: string }

export function coerce(type: string, value: unknown): Coerced {
  switch (type) {
    case 'INT':
      return toInt(value)
    case 'FLOAT':
      return toFloat(value)
    case 'STRING':
      return { value: typeof value === 'string' ? value : python(value) }
    case 'BOOLEAN':
      return { value: isTruthy(value) }
    case '*':
      return { value }
    default:
      return ownType(type, value) ?? { fault: `${type} can only come from a link` }
  }
}

/** In a union, a literal that is of one of its types already; nothing is converted there. */
function ownType(type: string, value: unknown): Coerced | undefined {
  const own = { number: ['FLOAT', ...(Number.isInteger(value) ? ['INT'] : [])], string: ['STRING'], boolean: ['BOOLEAN'] }
  const types = type.split(',').map(one => one.trim())
  const fits = types.length > 1 && own[typeof value as keyof typeof own]?.some(one => types.includes(one))
  return fits ? { value } : undefined
}

function toInt(value: unknown): Coerced {
  if (typeof value === 'boolean') return { value: Number(value) }
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return { fault: 'cannot convert float NaN to integer' }
    if (!Number.isFinite(value)) return { fault: 'cannot convert float infinity to integer' }
    return { value: Math.trunc(value) }
  }
  if (typeof value !== 'string')
    return { fault: `int() argument must be a string, a bytes-like object or a real number, not '${typeName(value)}'` }
  const text = value.trim()
  const number = /^[+-]?\d+(_\d+)*$/.test(text) ? Number(text.replaceAll('_', '')) : NaN
  return Number.isFinite(number) ? { value: number } : { fault: `invalid literal for int() with base 10: ${python(value)}` }
}

function toFloat(value: unknown): Coerced {
  if (typeof value === 'boolean') return { value: Number(value) }
  if (typeof value !== 'number' && typeof value !== 'string')
    return { fault: `float() argument must be a string or a real number, not '${typeName(value)}'` }
  const text = String(value).trim()
  const number = /^[+-]?(\d+(_\d+)*(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text.replaceAll('_', '')) : NaN
  if (Number.isFinite(number)) return { value: number }
  const isSpecial = typeof value === 'number' || !Number.isNaN(number) || /^[+-]?(nan|inf|infinity)$/i.test(text)
  return { fault: isSpecial ? `${text} is not a finite number` : `could not convert string to float: ${python(value)}` }
}

const isTruthy = (value: unknown): boolean =>
  typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : !!value && !Number.isNaN(value)

const typeName = (value: unknown): string =>
  value === null || value === undefined
    ? 'NoneType'
    : Array.isArray(value)
      ? 'list'
      : typeof value === 'object'
        ? 'dict'
        : typeof value

/** A number as Python prints it where its type is FLOAT: `1.0`, not `1`. */
export const floatText = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e16 ? `${value}.0` : String(value)

/** `value` as Python prints it inside a list: the form ComfyUI's messages have. */
export function python(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string')
    return value.includes("'") && !value.includes('"') ? `"${value}"` : `'${value.replaceAll("'", "\\'")}'`
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`
  if (typeof value === 'object')
    return `{${Object.entries(value)
      .map(([key, item]) => `${python(key)}: ${python(item)}`)
      .join(', ')}}`
  return String(value)
}
