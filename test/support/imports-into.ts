/** Imports for tests: sources into a journal of their own, and what is in it afterwards. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { importSources } from '../../src/cli/import/run.js'
import type { FileReport, ImportReport } from '../../src/cli/import/report.js'
import { openJournal, type RecordedEvent, type Transcript } from '../../src/index.js'

/** Directories of a test file, thrown away together. */
export class Places {
  readonly #root = mkdtempSync(join(tmpdir(), 'turnlog-import-test-'))
  #count = 0

  /** A path that nothing stands at. */
  next(name = 'journal'): string {
    this.#count += 1
    return join(this.#root, `${name}-${this.#count}`)
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true })
  }
}

export interface Imported {
  report: ImportReport
  directory: string
  /** The item of the file whose path ends so. */
  file(end: string): FileReport
}

export async function imported(directory: string, ...sources: string[]): Promise<Imported> {
  const report = await importSources({ directory, sources })
  return {
    report,
    directory,
    file(end) {
      const items = report.files.filter(({ path }) => path.endsWith(end))
      if (items.length !== 1) throw new Error(`${items.length} files end with ${end}`)
      return items[0] as FileReport
    },
  }
}

/** Every event of a journal without what says when it was written, by stream. */
export async function eventsIn(directory: string): Promise<Map<string, RecordedEvent[]>> {
  await using journal = await openJournal(directory, { readOnly: true })
  const streams = new Map<string, RecordedEvent[]>()
  for await (const event of journal.readAll()) {
    const { at: _, position: __, ...same } = event
    streams.set(event.stream, [...(streams.get(event.stream) ?? []), same as RecordedEvent])
  }
  return streams
}

/** The types of a stream's events, those of the session as a whole left out. */
export function typesOf(events: readonly RecordedEvent[] | undefined): string[] {
  return (events ?? []).map(({ type }) => type).filter((type) => !type.startsWith('session.') && !type.startsWith('thread.'))
}

export async function transcriptOf(directory: string, stream: string, thread = 'main'): Promise<Transcript> {
  await using journal = await openJournal(directory, { readOnly: true })
  return await journal.transcript(stream, thread)
}

/** A transcript in a line for each item. */
export function toldBy({ items }: Transcript): string[] {
  return items.map((item) => {
    switch (item.type) {
      case 'input':
        return `person: ${textIn(item.content)}`
      case 'output':
        return `${item.kind === 'reasoning' ? 'thinks' : 'model'}: ${textIn(item.content)}${item.partial === true ? ' …' : ''}`
      case 'call':
        return `tool: ${item.name} ${JSON.stringify(item.arguments)} ${item.outcome.status}: ${textIn(item.outcome.content)}`
      case 'question':
        return `asks: ${item.question} ${item.answer ?? '?'}`
      case 'summary':
        return `summary: ${textIn(item.content)}`
      default:
        return `note: ${item.text}`
    }
  })
}

function textIn(content: readonly { type: string }[]): string {
  return content.map((part) => ('text' in part ? String(part.text) : JSON.stringify(part))).join('|')
}
