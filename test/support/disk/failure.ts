/** Errors as the operating system's. */
export function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${path}`), { code, path })
}
