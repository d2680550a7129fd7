/** Which streams lost events in a range of positions, as far as the index of a segment knows. */
import { describe, expect, test } from 'vitest'
import { streamsIn } from '../../src/storage/lost-streams.js'
import type { State } from '../../src/storage/state.js'

interface Stream {
  /** Version and position of the first event of each commit. */
  commits: [version: number, position: number][]
  lastVersion: number
}

const PAST: Record<string, Stream> = {
  // Versions 1 to 3 at positions 1 to 3, and 4 to 5 at 10 and 11.
  a: {
    commits: [
      [1, 1],
      [4, 10],
    ],
    lastVersion: 5,
  },
  // In the segment before, it reached version 6.
  b: {
    commits: [
      [7, 4],
      [8, 6],
      [9, 7],
    ],
    lastVersion: 11,
  },
}

/** What is known of a store whose only index is that of segment 2. */
function stateOf(streams: Record<string, Stream | undefined>, position = 11): State<never> {
  const names = Object.keys(streams)
  const part = async (i: number): Promise<unknown> => {
    const one = streams[names[i] as string]
    return one && { stream: names[i], lastVersion: one.lastVersion, places: () => one.commits.flatMap(([v, p]) => [v, p, 0, 0]) }
  }
  const index = { header: { position, streams: names.length }, part }
  return { indexes: { whole: (segment: number) => (segment === 2 ? index : undefined) } } as never
}

describe('streams that lost events', () => {
  test.each<[first: number, last: number, lost: [string, number][]]>([
    [1, 1, [['a', 3]]],
    [3, 3, [['a', 3]]],
    [
      3,
      4,
      [
        ['a', 3],
        ['b', 7],
      ],
    ],
    [4, 4, [['b', 7]]],
    [5, 5, []],
    [5, 6, [['b', 8]]],
    [4, 7, [['b', 11]]],
    [9, 9, [['b', 11]]],
    [10, 10, [['a', 5]]],
    [11, 11, [['a', 5]]],
    [
      1,
      11,
      [
        ['a', 5],
        ['b', 11],
      ],
    ],
  ])('from position %i to %i are named with the version that each reached', async (first, last, lost) => {
    expect(await streamsIn(stateOf(PAST), 2, first, last)).toEqual(lost)
  })

  test('are not known where no position is lost, or no whole index says it, or it ends before the last of them', async () => {
    expect(await streamsIn(stateOf(PAST), 2, 5, 4)).toBeUndefined()
    expect(await streamsIn(stateOf(PAST), 3, 1, 1)).toBeUndefined()
    expect(await streamsIn(stateOf(PAST, 10), 2, 1, 11)).toBeUndefined()
    expect(await streamsIn(stateOf(PAST, 11), 2, 1, 11)).toHaveLength(2)
  })

  test('are named without those whose part of the index does not check', async () => {
    expect(await streamsIn(stateOf({ ...PAST, a: undefined }), 2, 1, 11)).toEqual([['b', 11]])
  })

  test('are named up to a thousand, and none where they are more', async () => {
    const many = (count: number): State<never> =>
      stateOf(Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, { commits: [[1, i + 1]], lastVersion: 1 }])), count)
    expect(await streamsIn(many(1000), 2, 1, 1000)).toHaveLength(1000)
    expect(await streamsIn(many(1001), 2, 1, 1001)).toBeUndefined()
    expect(await streamsIn(many(1001), 2, 1, 1000)).toHaveLength(1000)
  })
})
