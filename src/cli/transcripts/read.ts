/** Reads a transcript of any kind that is known, and says what kind it is. */
import { basename } from 'node:path'
import { ClaudeCodeReader } from './claude-code.js'
import type { Story } from './moments.js'
import { PiReader } from './pi.js'
import { isFields, readRows, type Fields } from './rows.js'

/** A file that is no transcript of a kind that can be played. */
export class UnknownTranscript extends Error {
  override readonly name = 'UnknownTranscript'
}

/** @throws UnknownTranscript, or the operating system's error if the file cannot be read. */
export async function readTranscript(path: string): Promise<Story> {
  const reader = await readerFor(path)
  if (reader === undefined)
    throw new UnknownTranscript(`${path}: neither a Claude Code nor a pi transcript (JSONL, a row for each message)`)
  for await (const row of readRows(path)) reader.read(row)
  return reader.story
}

/** Looks at rows until they tell; a file of nothing but side rows has to be looked at to its end. */
async function readerFor(path: string): Promise<ClaudeCodeReader | PiReader | undefined> {
  const fallbackId = basename(path).replace(/\.jsonl$/, '')
  let sidechain = false
  for await (const { fields } of readRows(path)) {
    if (fields === undefined) continue
    if (isPi(fields)) return new PiReader(fallbackId)
    if (!isClaudeCode(fields)) continue
    if (fields['isSidechain'] !== true) return new ClaudeCodeReader(fallbackId, false)
    sidechain = true
  }
  return sidechain ? new ClaudeCodeReader(fallbackId, true) : undefined
}

function isPi({ type, id, cwd, message }: Fields): boolean {
  if (type === 'session') return typeof id === 'string' && typeof cwd === 'string'
  return type === 'message' && isFields(message)
}

function isClaudeCode({ type, message }: Fields): boolean {
  return (type === 'user' || type === 'assistant') && isFields(message)
}
