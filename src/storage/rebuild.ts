/** Makes the index of a sealed segment again from the segment and the indexes before it. */
import type { Damage } from '../errors.js'
import type { Core, Sealed } from './core.js'
import { snapshotIn, type Facts } from './facts.js'
import { Feed } from './feed.js'
import { Kind } from './frame.js'
import { gapsIn } from './gap-record.js'
import type { Indexes } from './indexes.js'
import { MemoryIndex } from './memory-index.js'
import { salvage } from './salvage.js'
import { beginning, isHole, Walk, type Hole, type Item } from './walk.js'

/** Damage met on the way is reported; an index with holes says so. `facts` gathers what a header would say. */
export async function indexSegment<Note>(
  core: Core<Note>,
  indexes: Indexes<Note>,
  segment: Sealed,
  report: (damage: Damage) => void,
  facts?: Facts,
): Promise<MemoryIndex<Note>> {
  const index = new MemoryIndex<Note>(segment)
  const feed = new Feed(core, indexes, index, facts)
  if (segment.end === 0) {
    index.complete = false
    return index
  }
  await core.handles.with(core.paths.segment(segment), async (file) => {
    let ended = false
    const walk = new Walk(file, core.journal, 0, segment.end, beginning(core.before.get(segment.number), segment), {
      upTo: segment.position,
    })
    for (let item = await walk.next(); item !== undefined && !isPast(item, segment); item = await walk.next()) {
      if (isHole(item)) {
        const saved = salvage(confined(item, segment))
        await feed.rescued(item.offset, saved)
        const { first, last } = saved.lost ?? { first: item.first, last: item.first - 1 }
        const lastPosition = last ?? segment.position
        if (item.final) ended = true
        report({
          segment: segment.name,
          offset: item.offset,
          bytes: item.end - item.offset,
          firstPosition: first,
          lastPosition,
          reason: item.reason,
        })
      } else if (item.header.kind === Kind.data) await feed.frame(item)
      else if (item.header.kind === Kind.snapshot) facts?.addSnapshot(snapshotIn(item))
      else if (item.header.kind === Kind.gap) facts?.addGaps(gapsIn(item))
    }
    if (!ended && walk.chain.position < segment.position) {
      index.complete = false
      report({
        segment: segment.name,
        offset: segment.end,
        bytes: 0,
        firstPosition: walk.chain.position + 1,
        lastPosition: segment.position,
        reason: 'the segment ends before its last position',
      })
    }
  })
  return index
}

/** A hole that is no wider than its segment: what looks like a later frame behind it may have come from elsewhere. */
export function confined(hole: Hole, { position }: Sealed): Hole {
  return { ...hole, last: hole.final ? position : Math.min(hole.last ?? position, position) }
}

/** A group that was written again in the next segment, because nothing proved this copy. */
export function isPast(item: Item, segment: Sealed): boolean {
  return !isHole(item) && item.header.kind === Kind.data && item.header.first > segment.position
}
