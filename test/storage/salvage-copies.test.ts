/** Copies of lost segments: what of them fits between what is left, and what belongs to another history. */
import { describe, expect, test } from 'vitest'
import { nextDigest, NO_HISTORY } from '../../src/storage/frame.js'
import type { Intact } from '../../src/storage/intact.js'
import { encodeCommit, putRecord, RECORD_HEAD_BYTES } from '../../src/storage/record.js'
import { Copies, type Copy } from '../../src/storage/salvage-copies.js'

/** A history of groups, each of as many events as is said, of which another may differ from one on. */
function history(sizes: readonly number[], name = 'own', from = 0): Intact[] {
  let first = 1
  let digest: Buffer = NO_HISTORY
  return sizes.map((events, i) => {
    const payload = payloadOf(events, i < from ? 'own' : name)
    const before = digest
    digest = nextDigest(before, first, payload)
    const group = { first, events, records: events, payload, before, digest }
    first += events
    return group
  })
}

/** Records of one event each. */
function payloadOf(events: number, text: string): Buffer {
  return Buffer.concat(
    Array.from({ length: events }, (_, i) => {
      const bytes = encodeCommit({ stream: 's', version: 1, at: 0, events: [{ type: 't', schema: 1, data: `${text} ${i}`, flags: 0 }] })
      const record = Buffer.alloc(RECORD_HEAD_BYTES + bytes.length)
      putRecord(record, 0, bytes)
      return record
    }),
  )
}

interface Told extends Copy {
  read: number
}

function copyOf(groups: readonly Intact[], number = 0): Told {
  const copy: Told = {
    first: groups[0]?.first ?? 1,
    number,
    read: 0,
    groups: async function* () {
      for (const group of groups) {
        copy.read++
        yield group
      }
    },
  }
  return copy
}

/** What is given of the segments and the copies, as the positions of each group. */
async function given(left: readonly Intact[], copies: readonly Copy[]): Promise<{ given: string[]; highest: number }> {
  const all = new Copies(copies)
  const found: string[] = []
  for (const next of [...left, undefined])
    for await (const { first, events, payload } of all.upTo(next))
      found.push(`${first}-${first + events - 1}${payload.includes('own') ? '' : ' other'}`)
  await all.close()
  return { given: found, highest: all.highest }
}

const sizes = [2, 1, 3, 2]
const own = history(sizes)
const whole = ['1-2', '3-3', '4-6', '7-8']
const without = (...numbers: number[]): Intact[] => own.filter((_, i) => !numbers.includes(i))
const bare = ({ digest: _digest, before: _before, ...rest }: Intact): Intact => rest

describe('copies give', () => {
  test.each<[what: string, left: Intact[], copies: Copy[], given: string[], highest: number]>([
    ['nothing where nothing is lost', own, [copyOf(own, 7)], whole, 0],
    ['what is lost at the beginning', without(0), [copyOf(own, 7)], whole, 7],
    ['what is lost in the middle', without(1, 2), [copyOf(own.slice(1, 3), 2)], whole, 2],
    ['what is lost at the end', without(2, 3), [copyOf(own, 3)], whole, 3],
    ['all where nothing is left', [], [copyOf(own.slice(0, 2), 1), copyOf(own.slice(2), 2)], whole, 2],
    ['what one has and the other has not', without(1, 2), [copyOf([own[2] as Intact], 5), copyOf([own[1] as Intact], 4)], whole, 5],
    ['what only stands there in part', [], [copyOf([own[0] as Intact, own[3] as Intact])], ['1-2', '7-8'], 0],
    ['once what several have', without(1), [copyOf(own, 2), copyOf(own, 3), copyOf(own, 1)], whole, 2],
    ['nothing where there is none', without(1), [], ['1-2', '4-6', '7-8'], 0],
    [
      'of a group what is not left itself',
      [bare({ ...(own[2] as Intact), ...part(own[2] as Intact, 1, 3) })],
      [copyOf(own)],
      ['1-2', '3-3', '4-4', '5-6', '7-8'],
      0,
    ],
  ])('%s', async (_, left, copies, found, highest) => {
    expect(await given(left, copies)).toEqual({ given: found, highest })
  })

  test.each<[what: string, left: Intact[], other: Intact[], given: string[]]>([
    ['that the next group denies', without(1), history(sizes, 'another', 1), ['1-2', '4-6', '7-8']],
    ['that the group before denies', without(3), history(sizes, 'another', 2), ['1-2', '3-3', '4-6']],
    ['whose groups end elsewhere', without(2, 3), history([2, 2, 4], 'another', 1), ['1-2', '3-3']],
    ['whose groups end behind the next', without(1), history([2, 3, 3], 'another', 1), ['1-2', '4-6', '7-8']],
    ['that goes on where the journal does not', own, history([...sizes, 1], 'another', 2), whole],
    ['that forks before its first group here', without(2), history(sizes, 'another', 0).slice(2), ['1-2', '3-3', '7-8']],
  ])('nothing of a history %s', async (_, left, other, found) => {
    expect((await given(left, [copyOf(other)])).given).toEqual(found)
  })

  test('the end of their own history where the journal’s own is lost, and what nothing denies', async () => {
    expect((await given(own.slice(0, 2), [copyOf(history([...sizes, 1]))])).given).toEqual([...whole, '9-9'])
    // Where no digest is known, the positions alone say what fits.
    const other = history(sizes, 'another', 0).map(bare)
    expect((await given(without(1).map(bare), [copyOf(other)])).given).toEqual(['1-2', '3-3 other', '4-6', '7-8'])
  })

  test('no more than is asked for: a copy is read as far as it is needed', async () => {
    const [first, later] = [copyOf(own), copyOf(own.slice(3))]
    const copies = new Copies([first, later])
    for await (const _ of copies.upTo(own[0])) expect(first.read).toBe(0)
    for await (const _ of copies.upTo(own[2])) expect(later.read).toBe(0)
    await copies.close()
  })
})

/** Some of the records of a group, all of one event. */
function part({ first, payload, events }: Intact, from: number, to: number): Pick<Intact, 'first' | 'events' | 'records' | 'payload'> {
  const length = payload.length / events
  return { first: first + from, events: to - from, records: to - from, payload: payload.subarray(from * length, to * length) }
}
