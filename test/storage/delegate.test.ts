/** A port over another: what is not changed goes through, with what it was given and what it gives. */
import { expect, test } from 'vitest'
import { filesOver, handleOver } from '../../src/storage/delegate.js'
import type { FileHandle, Files } from '../../src/storage/files.js'

/** Everything that is asked of a port is told, and answered with its own name. */
function telling(names: readonly string[], told: unknown[][]): Record<string, (...given: unknown[]) => unknown> {
  return Object.fromEntries(names.map((name) => [name, (...given: unknown[]) => (told.push([name, ...given]), name)]))
}

const files: Record<keyof Files, unknown[]> = {
  open: ['p', 'r'],
  readdir: ['p'],
  mkdir: ['p'],
  link: ['p', 'q'],
  rename: ['p', 'q'],
  unlink: ['p'],
  syncDir: ['p'],
  exists: ['p'],
  stat: ['p'],
  fileSystem: ['p'],
  watch: ['p', () => {}],
}
const handle: Record<keyof FileHandle, unknown[]> = {
  write: [Buffer.alloc(1), 7],
  read: [Buffer.alloc(1), 7],
  datasync: [],
  size: [],
  tryLock: ['shared'],
  close: [],
}

test.each([
  ['files', files, (port: unknown, changed: object) => filesOver(port as Files, changed)],
  ['an open file', handle, (port: unknown, changed: object) => handleOver(port as FileHandle, changed)],
] as const)('every call of %s goes through but those that are changed', (_, calls, over) => {
  for (const changed of Object.keys(calls)) {
    const told: unknown[][] = []
    const port = over(telling(Object.keys(calls), told), { [changed]: () => 'changed' }) as unknown as Record<
      string,
      (...given: unknown[]) => unknown
    >
    for (const [name, given] of Object.entries(calls)) expect(port[name]?.(...given)).toBe(name === changed ? 'changed' : name)
    expect(told).toEqual(Object.entries(calls).flatMap(([name, given]) => (name === changed ? [] : [[name, ...given]])))
  }
})
