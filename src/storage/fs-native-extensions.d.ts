/** What we use of fs-native-extensions, which brings no types. */
declare module 'fs-native-extensions' {
  /** Locks a range of an open file without waiting; length 0 is to the end. False if another holds it. */
  export function tryLock(fd: number, offset?: number, length?: number, options?: { shared?: boolean }): boolean
}
