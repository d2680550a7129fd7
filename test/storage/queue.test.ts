/** What waits to be written: what goes together, who waits for room, and what is left when nothing more can be written. */
import { describe, expect, test } from 'vitest'
import { Queue, type Queued, type QueuedCommit, type QueuedFrame } from '../../src/storage/queue.js'

const ROOM = 100
const GROUP = 50

const queue = (): Queue<number> => new Queue<number>(ROOM, GROUP)

function commit(bytes: number): QueuedCommit<number> {
  const nothing = (): void => {}
  return {
    commit: { stream: 's', version: 1, at: 0, events: [] },
    note: 0,
    claims: [],
    bytes: Buffer.alloc(bytes),
    durability: 'disk',
    resolve: nothing,
    reject: nothing,
  }
}

function frame(): QueuedFrame {
  const nothing = (): void => {}
  return { kind: 9, payload: Buffer.alloc(0), written: nothing, resolve: nothing, reject: nothing }
}

/** What is taken next: sizes of commits, or a frame. */
function take(from: Queue<number>): number[] | 'frame' {
  const taken = from.take()
  return Array.isArray(taken) ? taken.map(({ bytes }) => bytes.length) : 'frame'
}

function push(to: Queue<number>, ...what: (number | 'frame')[]): Queued<number>[] {
  const entries = what.map((one) => (one === 'frame' ? frame() : commit(one)))
  for (const entry of entries) to.push(entry)
  return entries
}

/** Whether somebody who waits was let in. */
async function isIn(waiting: Promise<void> | undefined): Promise<boolean> {
  let entered = false
  void waiting?.then(() => (entered = true))
  await Promise.resolve()
  await Promise.resolve()
  return waiting === undefined || entered
}

describe('commits that wait', () => {
  test.each([
    { waiting: [10, 20], groups: [[10, 20]] },
    { waiting: [20, 30], groups: [[20, 30]] },
    { waiting: [20, 31], groups: [[20], [31]] },
    { waiting: [80, 1], groups: [[80], [1]] },
    { waiting: [10, 80, 10], groups: [[10], [80], [10]] },
    { waiting: [0, 50, 0, 1], groups: [[0, 50, 0], [1]] },
  ])('$waiting go together as far as a group takes them: $groups', ({ waiting, groups }) => {
    const all = queue()
    push(all, ...waiting)
    expect(all.length).toBe(waiting.length)
    expect(Array.from(groups, () => take(all))).toEqual(groups)
    expect(all.length).toBe(0)
    expect(take(all)).toEqual([])
  })

  test('keep their order with the frames of the engine’s own, each of which goes alone', () => {
    const all = queue()
    push(all, 'frame', 1, 2, 'frame', 'frame', 3)
    expect(Array.from({ length: 6 }, () => take(all))).toEqual(['frame', [1, 2], 'frame', 'frame', [3], []])
  })

  test('are counted until they are taken, and until they are done with', () => {
    const all = queue()
    push(all, 10, 30, 'frame', 20)
    const counts = (): number[] => [all.length, all.bytes, all.waiting]
    expect(counts()).toEqual([4, 60, 60])
    take(all)
    expect(counts()).toEqual([2, 60, 20])
    all.release(40)
    expect(counts()).toEqual([2, 20, 20])
    take(all)
    expect(counts()).toEqual([1, 20, 20])
    take(all)
    all.release(20)
    expect(counts()).toEqual([0, 0, 0])
  })

  test('are as many as are left, however few were taken', () => {
    const all = queue()
    push(all, ...Array.from({ length: 10 }, () => GROUP))
    for (let left = 9; left >= 0; left--) {
      take(all)
      expect(all.length).toBe(left)
    }
  })

  test('are all left, in their order, where nothing more can be written, and everybody is let in', async () => {
    const all = queue()
    const entries = push(all, 10, 50, 'frame', 90)
    take(all)
    const [outside, laden] = [all.room(false), all.room(true)]
    expect([await isIn(outside), await isIn(laden)]).toEqual([false, false])
    expect(all.drain()).toEqual(entries.slice(1))
    expect([all.length, all.bytes, all.waiting]).toEqual([0, 0, 0])
    expect([await isIn(outside), await isIn(laden)]).toEqual([true, true])
    expect(all.drain()).toEqual([])
    push(all, 7)
    expect(take(all)).toEqual([7])
  })

  test('go on in their order however many were taken before', () => {
    const all = queue()
    const taken: number[] = []
    let next = 0
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 3; i++) push(all, 40 + (next++ % 10))
      for (let i = 0; i < 2; i++) taken.push(...(take(all) as number[]))
    }
    while (all.length > 0) taken.push(...(take(all) as number[]))
    expect(taken).toEqual(Array.from({ length: next }, (_, i) => 40 + (i % 10)))
  })
})

describe('room', () => {
  test('is there up to its last byte, and again once enough is done with', async () => {
    const all = queue()
    push(all, 60, 40)
    expect(all.room(false)).toBeUndefined()
    push(all, 1)
    const [first, second] = [all.room(false), all.room(false)]
    take(all)
    expect(await isIn(first)).toBe(false)
    all.release(0)
    expect(await isIn(first)).toBe(false)
    all.release(1)
    expect([await isIn(first), await isIn(second)]).toEqual([true, true])
    expect(all.room(false)).toBeUndefined()
  })

  test('for a large commit is there while less than a group waits, and once one of its kind was taken', async () => {
    const all = queue()
    push(all, 49)
    expect(all.room(true)).toBeUndefined()
    push(all, 1)
    const large = all.room(true)
    expect(large).toBeDefined()
    expect(all.room(false)).toBeUndefined()
    all.release(0)
    expect(await isIn(large)).toBe(false)
    take(all)
    expect(await isIn(large)).toBe(true)
    expect(all.room(true)).toBeUndefined()
  })

  test('for a large commit is waited for as any other where all is taken and nothing is done with', async () => {
    const all = queue()
    push(all, 101)
    take(all)
    const large = all.room(true)
    expect(await isIn(large)).toBe(false)
    all.release(101)
    expect(await isIn(large)).toBe(true)
  })
})
