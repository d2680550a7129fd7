/** OpenClaw: pi's sessions under another name. */
import type { Telling } from '../importer.js'
import { pi, sessionOf } from './pi.js'

export const openclaw: Telling = {
  kind: 'openclaw',
  says: 'OpenClaw sessions (the format of pi)',
  recognises: (sample) => pi.recognises(sample) && /openclaw/i.test(sample.file.path),
  async *sessions(files) {
    for (const file of files) yield await sessionOf('openclaw', file)
  },
}
