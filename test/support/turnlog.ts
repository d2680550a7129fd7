/** The command line in this process, with what it writes kept. */
import { vi } from 'vitest'
import { cli } from '../../src/cli/cli.js'

export interface Ran {
  exit: number
  out: string
  errors: string
}

export async function turnlog(...words: string[]): Promise<Ran> {
  const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  const errors = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const written = (spy: { mock: { calls: unknown[][] } }): string => spy.mock.calls.map(([chunk]) => String(chunk)).join('')
  try {
    const exit = await cli(words)
    return { exit, out: written(out), errors: written(errors) }
  } finally {
    out.mockRestore()
    errors.mockRestore()
  }
}
