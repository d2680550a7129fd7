/** Reading an open journal while the disk fails: whoever asks is told, nothing is said to be absent, and a later try finds all of it. */
import { describe, expect, test } from 'vitest'
import { DIRECTORY, wholeJournal } from './support/damage.js'
import { list, listed, openStore, type Store } from './support/journal.js'

const everything: Record<string, (store: Store) => Promise<unknown>> = {
  'all events': (store) => list(store.read()),
  'all events, backwards': (store) => list(store.readReverse()),
  'one stream': (store) => listed(store.readStream('s0')),
  'one stream, backwards': (store) => listed(store.readStream('s0', { reverse: true })),
  'a commit id': async (store) => store.findCommit('c3'),
  'whether every byte checks': (store) => store.verify(),
}
/** More segments than are kept open. */
const GROUPS = 200

describe('what is asked of a disk that fails', () => {
  test.each([
    ['EIO', 'read', Object.keys(everything)],
    ['EMFILE', 'open', ['all events', 'all events, backwards', 'one stream', 'one stream, backwards', 'whether every byte checks']],
  ] as const)('with %s at every %s is an error that names the file, and is answered once the disk is well', async (code, call, asked) => {
    const files = await wholeJournal(GROUPS)
    for (const what of asked) {
      const store = await openStore(DIRECTORY, { files, readOnly: true })
      const ask = async (): Promise<string> => JSON.stringify(await everything[what]!(store))
      const answer = await ask()
      files.fault = (name, path) => {
        if (name === call && path.includes('/journal/0')) throw Object.assign(new Error(code), { code })
        return undefined
      }
      const details = { errno: code, path: expect.stringMatching(/^\/journal\/journal\/\d{8}-\d{12}\.(seg|idx)$/) as string }
      await expect(ask(), what).rejects.toMatchObject({ code: 'JOURNAL_IO', details })
      files.fault = () => undefined
      expect(await ask(), what).toBe(answer)
      await store.close()
      expect(files.opened).toBe(0)
    }
  })
})
