/** What runs inside a room, compiled: TypeScript once, because plain JavaScript starts in half the time, and the C of native/. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../../support/root.js'
import { missing } from './machine.js'

let compiled: string | undefined

/** The directory of the compiled programs; it goes with this process. */
export function programs(): string {
  if (compiled !== undefined) return compiled
  const directory = mkdtempSync(join(tmpdir(), 'turnlog-torture-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  must(
    process.execPath,
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    join(root, 'test/torture/real'),
    '--noCheck',
    '--outDir',
    directory,
  )
  copyFileSync(join(root, 'package.json'), join(directory, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
  if (missing(['linux', 'gcc']) === undefined) compileNative(join(root, 'test/torture/native'), directory)
  compiled = directory
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
