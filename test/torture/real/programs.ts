/** What runs inside a room, compiled: the TypeScript, and the C of native/. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compiled } from '../../support/compiled.js'
import { root } from '../../support/root.js'
import { missing } from './machine.js'

let made: string | undefined

/** A directory with the compiled programs, of this process alone; it goes with it. */
export function programs(): string {
  if (made !== undefined) return made
  const directory = mkdtempSync(join(tmpdir(), 'turnlog-torture-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  symlinkSync(join(compiled(), 'test'), join(directory, 'test'))
  if (missing(['linux', 'gcc']) === undefined) compileNative(join(root, 'test/torture/native'), directory)
  made = directory
  return directory
}

function compileNative(from: string, to: string): void {
  must('gcc', '-O2', '-o', join(to, 'powercut'), join(from, 'powercut.c'))
  must('gcc', '-O2', '-shared', '-fPIC', '-o', join(to, 'failing-calls.so'), join(from, 'failing-calls.c'), '-ldl')
  if (missing(['fuse']) !== undefined) return
  const flags = must('pkg-config', '--cflags', '--libs', 'fuse3').trim().split(/\s+/)
  must('gcc', '-O2', '-o', join(to, 'logdisk'), join(from, 'logdisk.c'), ...flags)
}

function must(command: string, ...words: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${error?.message ?? stdout + stderr}`)
  return stdout
}
