/** What an exporter is: one file for each format, all behind this. */
import type { RecordedEvent, SessionState } from '../../index.js'
import type { Fields } from './content.js'
import type { OpenedJournal } from '../command.js'
import type { Losses } from './losses.js'

export interface Exporter {
  kind: string
  /** What it writes, in a line, for the help. */
  says: string
  /** What it takes out of a journal: one thread, one session with all its threads or one of them, or one session or everything. */
  takes: 'a thread' | 'a session' | 'everything'
  /** A sentence where there is no such thing, or it cannot be told. */
  open(journal: OpenedJournal, what: What): Promise<Exported | string>
}

export interface What {
  /** Absent: the whole journal. */
  stream?: string
  thread?: string
}

export interface Exported {
  /** What the file is called where the other program keeps its sessions. */
  name: string
  lines: AsyncIterable<string>
  /** Complete once the lines are read. */
  losses: Losses
}

export const noSession = (stream: string): string => `there is no session ${JSON.stringify(stream)}`

/** Of a format that holds one thread: how its events become lines. */
export interface ThreadFormat {
  kind: string
  says: string
  begin(about: About): Writer
}

/** What is known of the session as a whole. */
export interface About {
  stream: string
  session: SessionState
  /** Where it was imported from, if it was. */
  source: { kind?: string; id?: string; version?: string }
  /** What the session began with. */
  begun: Fields
  createdAt: number
  losses: Losses
}

export interface Writer {
  /** What the file is called where the other program keeps its sessions. */
  name: string
  /** The lines that come of an event, in the order of the file. */
  write(event: RecordedEvent): object[]
  /** The lines that are held back until nothing follows. */
  end(): object[]
}
