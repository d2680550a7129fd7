/** What an exporter is: one file for each format, all behind this. */
import type { RecordedEvent, SessionState } from '../../index.js'
import type { Losses } from './losses.js'

export interface Exporter {
  kind: string
  /** What it writes, in a line, for the help. */
  says: string
  begin(about: About): Writer
}

/** What is known of the session as a whole. */
export interface About {
  stream: string
  session: SessionState
  /** Where it was imported from, if it was. */
  source: { kind?: string; id?: string; version?: string }
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
