/** What a look at a journal found. */
import type { Damage } from '../errors.js'
import type { Sealed, SegmentFile } from './core.js'
import type { Facts } from './facts.js'
import type { Frame } from './frame.js'
import type { HeadMark } from './head-file.js'
import type { Indexes } from './indexes.js'
import type { MemoryIndex } from './memory-index.js'
import type { Tail } from './tail.js'
import type { Chain } from './walk.js'

/** A journal as it stands. */
export interface Sight<Note> {
  mark: HeadMark | undefined
  segments: Map<number, Sealed>
  indexes: Indexes<Note>
  /** The newest segment; undefined if all are lost. */
  newest: SegmentFile | undefined
  /** Names of files that have a segment's name and are none. */
  strays: ReadonlySet<string>
  facts: Facts
  /** Highest number of a segment that there was, for all that indexes say, or, without a head file, headers in the wrong place; 0 if nothing does. */
  known: number
  /** Index of the newest segment, as far as proven. */
  index: MemoryIndex<Note>
  /** History at the end of what is proven, or of what can be shown beside a live writer. */
  chain: Chain
  end: number
  /** The last frame, if nothing proves it. */
  unproven: Frame | undefined
  tail: Tail
  /** The last writer left in order. */
  clean: boolean
  damage: Damage[]
  /** Damage of which no index says what it held. */
  gaps: Damage[]
}
