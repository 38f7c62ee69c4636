export async function bench(
  _house: string,
  _options: { json?: boolean; only?: readonly string[]; quick?: boolean },
): Promise<void> {}
