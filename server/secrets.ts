/** Keys whose values are never written and never kept, wherever they stand (bar 25 of spec/reliability.md). */
export const secretNames = [
  'authorization',
  'cookie',
  'token',
  'password',
  'api_key',
  'apiKey',
  'auth_token_comfy_org',
  'api_key_comfy_org',
] as const

const pattern = /^(api_?key|(auth|access)_?token)(_|$)/i

/** Also the keys of other services, which pages send along in the manner of ComfyUI's: `api_key_<service>`. */
export const isSecret = (name: string): boolean => (secretNames as readonly string[]).includes(name) || pattern.test(name)
