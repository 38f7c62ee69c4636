/** A title as part of a file name: small letters, digits and hyphens, at most 60; '' when it has none of them. */
export const slug = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replace(/^-|-$/g, '')
