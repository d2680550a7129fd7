/** The story of a transcript: its first session, as its importer tells it, with what a demonstration does not play counted. */
import { importers } from '../import/importers.js'
import type { Source, Telling } from '../import/importer.js'
import type { Moment as Told } from '../import/moments.js'
import { Report } from '../import/report.js'
import { sampleOf } from '../import/sample.js'
import { filesBelow, type SourceFile } from '../import/source-file.js'
import { tell } from '../import/tell.js'
import { Problem } from '../problem.js'
import { count, type Moment, type Story } from './story.js'

/** @throws Problem if there is no session in it that can be played, or the operating system's error if the file cannot be read. */
export async function readStory(path: string): Promise<Story> {
  const report = new Report()
  const [file] = await filesBelow(path)
  const source = file === undefined || 'reason' in file ? undefined : await firstSession(file, report)
  if (source === undefined) throw new Problem(`${path}: no session of a kind that is known; turnlog import --help lists the kinds`)
  const { head, stream } = source
  const { agent = 'unknown', workspace } = head.session
  const story: Story = {
    id: stream.replace(/^session-/, ''),
    agent,
    ...(workspace === undefined ? {} : { workspace }),
    moments: [],
    rows: 0,
    skipped: {},
  }
  const player = new Player(story)
  const reading = source.reader()
  for await (const row of source.rows()) {
    story.rows += 1
    if (row.damaged !== undefined) count(story.skipped, row.damaged)
    else for (const moment of tell(reading, row, report)) player.play(moment)
  }
  return story
}

async function firstSession(file: SourceFile, report: Report): Promise<Source | undefined> {
  const sample = await sampleOf(file)
  const importer = importers.find((one) => 'sessions' in one && one.recognises(sample)) as Telling | undefined
  for await (const source of importer?.sessions([file], report) ?? []) if (source.task === undefined) return source
  return undefined
}

class Player {
  readonly #story: Story
  #calls = 0

  constructor(story: Story) {
    this.#story = story
  }

  play(told: Told): void {
    if (told.thread !== undefined) return this.#skip('on the side')
    const moment = this.#moment(told)
    if (moment === undefined) this.#skip(nameOf(told))
    else this.#story.moments.push(told.at === undefined ? moment : { ...moment, at: told.at })
  }

  #moment(told: Told): Moment | undefined {
    switch (told.kind) {
      case 'titled':
        return { kind: 'titled', title: told.title }
      case 'prompted':
        return { kind: 'prompted', input: told.input, ...(told.queued === true ? { queued: true } : {}) }
      case 'steered':
        return { kind: 'steered', input: told.input }
      case 'reasoned':
      case 'said':
        return { kind: told.kind, text: told.text }
      case 'called':
        this.#calls += 1
        return { kind: 'called', callId: told.callId ?? `call-${this.#calls}`, name: told.name, arguments: told.arguments }
      case 'returned':
        return {
          kind: 'returned',
          status: told.status === 'ok' ? 'ok' : 'error',
          content: told.content,
          ...(told.callId === undefined ? {} : { callId: told.callId }),
        }
      case 'measured': {
        const { inputTokens: input = 0, outputTokens: output = 0 } = told.usage
        return { kind: 'measured', tokens: { input, output }, ...(told.model === undefined ? {} : { model: told.model }) }
      }
      case 'ended':
        return {
          kind: 'ended',
          how: told.how === 'interrupted' ? 'cancelled' : told.how,
          ...(told.reason === undefined ? {} : { reason: told.reason }),
        }
      default:
        return undefined
    }
  }

  #skip(reason: string): void {
    count(this.#story.skipped, reason)
  }
}

/** What is not played, by the type of its record where it has one. */
function nameOf(told: Told): string {
  const record = told.kind === 'noted' ? told.extra?.['record'] : undefined
  const type = typeof record === 'object' && record !== null && 'type' in record ? record.type : undefined
  return typeof type === 'string' ? type : told.kind === 'noted' ? told.what : told.kind
}
