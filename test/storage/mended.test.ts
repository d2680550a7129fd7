/** Journals that were hurt in several ways at once, of which reading, repair or salvage once made less than there was. They stay for ever. */
import { expect, test } from 'vitest'
import { Chance } from '../torture/chance.js'
import { goldenJournal, strangersTo } from '../torture/rot/golden.js'
import { SMALL } from '../torture/rot/harm.js'
import { judgeReading } from '../torture/rot/judge.js'
import { judgeMending } from '../torture/rot/mend.js'
import { mutate } from '../torture/rot/mutations.js'

const golden = await goldenJournal(SMALL.bytes, SMALL.segmentBytes)
const strangers = await strangersTo(SMALL.bytes, SMALL.segmentBytes)

/** What is drawn from a number, and what that must still be. */
const cases: readonly [seed: number, what: string][] = [
  [
    122,
    'journal/00000001-000000000001.seg: garbage at 17; journal/00000004-000000000104.seg: 512 bytes at 0 from 1024 of journal/00000004-000000000104.seg; journal/00000005-000000000138.seg: deleted',
  ],
  [167, 'journal/00000005-000000000138.seg: deleted; journal/00000003-000000000070.seg: garbage at 776'],
  [271, 'epoch-00000001: as it was before; FORMAT: once more as journal/00000007-000000000140.seg'],
  [
    290,
    'journal/00000002-000000000036.seg: renamed to journal/00000009-000000000139.seg; journal/00000004-000000000104.seg: bit 13291 turned over; journal/00000005-000000000138.seg: swapped with head',
  ],
  [
    357,
    'journal/00000004-000000000104.seg: renamed to journal/00000006-000000000140.seg; journal/00000005-000000000138.seg: renamed to journal/00000000-000000000100.seg; journal/00000003-000000000070.seg: swapped with journal/00000006-000000000140.seg',
  ],
  [358, 'journal/00000002-000000000036.seg: 512 bytes at 0 from 1536 of journal/00000002-000000000036.seg'],
  [
    395,
    'journal/00000004-000000000104.seg: deleted; head: deleted; journal/00000005-000000000138.seg: renamed to journal/00000050-000000000100.seg',
  ],
  [429, 'journal/00000005-000000000138.seg: deleted; journal/00000004-000000000104.seg: cut to 3104'],
  [1601, 'journal/00000005-000000000138.seg: bit 2268 turned over; head: as it was before'],
  [
    2136,
    'journal/00000005-000000000138.seg: cut to 368; journal/00000002-000000000036.seg: 512 bytes at 2048 from 1024 of journal/00000001-000000000001.seg; journal/00000004-000000000104.seg: deleted',
  ],
  [2460, 'journal/00000004-000000000104.seg: bit 76 turned over; journal/00000003-000000000070.seg: as it was before'],
  [
    104893,
    'journal/00000005-000000000138.seg: renamed to journal/00000050-000000000100.seg; journal/00000004-000000000104.seg: cut to 822; journal/00000050-000000000100.seg: 4096 bytes at 0 from 4096 of journal/00000004-000000000104.idx',
  ],
  [
    301321,
    'journal/00000003-000000000070.idx: renamed to journal/00000007-000000000139.seg; journal/00000005-000000000138.seg: 512 bytes of zeros at 0; journal/00000002-000000000036.idx: that of another journal',
  ],
  [303853, 'journal/00000005-000000000138.seg: deleted; head: as it was before; journal/00000003-000000000070.seg: bit 15231 turned over'],
  [
    405135,
    'journal/00000004-000000000104.seg: 4096 bytes at 0 from 0 of head; journal/00000005-000000000138.seg: 4096 bytes of zeros at 0; journal/00000002-000000000036.seg: renamed to journal/00000006-000000000140.seg',
  ],
  [
    3110017524,
    'journal/00000004-000000000104.seg: swapped with head; journal/00000001-000000000001.seg: garbage at 450; journal/00000005-000000000138.seg: swapped with LOCK',
  ],
  [
    3100113669,
    'journal/00000002-000000000036.seg: 512 bytes at 0 from 1024 of journal/00000002-000000000036.seg; journal/00000002-000000000036.idx: renamed to journal/00000002-000000000001.seg',
  ],
  [
    1405003174,
    'journal/00000001-000000000001.seg: garbage at 141; journal/00000001-000000000001.idx: 4096 bytes at 4096 from 4096 of journal/00000003-000000000070.idx; journal/00000005-000000000138.seg: swapped with journal/00000002-000000000036.idx',
  ],
  [
    3100120786,
    'journal/00000002-000000000036.seg: 512 bytes at 1536 from 0 of journal/00000002-000000000036.seg; journal/00000001-000000000001.seg: 512 bytes at 0 from 1024 of journal/00000004-000000000104.seg',
  ],
  [
    3100124088,
    'journal/00000002-000000000036.seg: swapped with LOCK; journal/00000002-000000000036.seg: renamed to journal/00000002-000000000002.seg; journal/00000004-000000000104.seg: as it was',
  ],
  [
    3100124821,
    'journal/00000003-000000000070.seg: 4096 bytes of garbage at 0; journal/00000003-000000000070.seg: once more as journal/00000003-000000000036.seg',
  ],
  [
    3110112602,
    'journal/00000002-000000000036.seg: 4096 bytes at 0 from 0 of journal/00000004-000000000104.idx; LOCK: once more as journal/00000002-000000000030.seg',
  ],
  [
    3110115111,
    'journal/00000001-000000000001.seg: 512 bytes at 0 from 512 of journal/00000004-000000000104.seg; FORMAT: renamed to journal/00000002-000000000100.seg; journal/00000004-000000000104.idx: swapped with journal/00000002-000000000036.seg',
  ],
  [
    3110124302,
    'journal/00000002-000000000036.seg: cut to 2279; journal/00000001-000000000001.seg: 512 bytes at 0 from 1024 of journal/00000003-000000000070.seg',
  ],
  [
    9000391146,
    'journal/00000005-000000000138.seg: 4096 bytes of zeros at 0; journal/00000004-000000000104.seg: deleted; journal/00000004-000000000104.idx: renamed to journal/00000009-000000000100.seg',
  ],
  [
    9000529179,
    'journal/00000005-000000000138.seg: swapped with journal/00000003-000000000070.idx; journal/00000005-000000000138.seg: 512 bytes at 6656 from 0 of journal/00000003-000000000070.idx; journal/00000004-000000000104.seg: bit 16442 turned over',
  ],
]

test.each(cases)('case %i (%s) is read and mended, and nothing that is there is lost', async (seed, expected) => {
  const files = golden.files.copy()
  const { what, paths } = mutate(files, new Chance(seed), strangers)
  expect(what.replaceAll('/journal/', '')).toBe(expected)
  const { problems, silentEnd } = await judgeReading(golden, files.copy(), { thorough: true })
  expect(problems).toEqual([])
  // Only the head file vouches for whole groups at the end.
  if (![...paths].some((path) => path.endsWith('/head'))) expect(silentEnd).toBe(0)
  expect(await judgeMending(golden, files)).toEqual([])
})
