/** What torture has found once is never found again. */
import { describe, expect, test } from 'vitest'
import { Everything } from '../support/disk/choice.js'
import { cases } from './cases.js'
import { inStandingTime } from './each.js'
import { tell } from './floor/story.js'

const PATHS_MAX = 100

describe('cases that torture has found', () => {
  test.each(Object.entries(cases))('%s: nothing is lost, and every error has a code', async (_what, story) => {
    const broken = await inStandingTime(true, async (time) => {
      const everything = new Everything()
      for (let path = 0; path < PATHS_MAX; path++) {
        const { ledger } = await tell(story, everything, time)
        if (ledger.broken.length > 0) return ledger.broken
        if (!everything.next()) break
      }
      return []
    })
    expect(broken).toEqual([])
  })
})
