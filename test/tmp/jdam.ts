import { readFileSync, openSync, writeSync, closeSync, readdirSync, mkdtempSync } from 'node:fs'
import { openNotes, note, newestSegment } from '../support/journal-tmp.js'
const directory = mkdtempSync('/dev/shm/q-')
let j = await openNotes(directory)
for (const [s, v] of [['good', 'hay-1'], ['bad', 'needle-2'], ['good', 'hay-3']] as const) await j.append(s, [note(v)])
await j.close()
const seg = newestSegment(directory)
let b = readFileSync(seg); const at = b.indexOf('needle-2'); b[at]! ^= 1
const f = openSync(seg, 'r+'); writeSync(f, b, at, 1, at); closeSync(f)
b = readFileSync(seg)
const show = (w: string) => { const n = readFileSync(seg); let first = -1; for (let i = 0; i < Math.max(n.length, b.length); i++) if (n[i] !== b[i]) { first = i; break } console.log(w, 'len', b.length, n.length, 'first diff', first, readdirSync(directory + '/journal')) }
show('before')
j = await openNotes(directory)
console.log(j.recovery)
show('opened')
await j.append('bad', [note('n')]).catch((e) => console.log(e.code, e.message))
show('refused')
await j.append('good', [note('hay-4')])
show('appended')
await j.close()
show('closed')
