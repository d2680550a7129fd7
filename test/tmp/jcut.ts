import { mkdtempSync, truncateSync, cpSync, readFileSync } from 'node:fs'
import { openNotes, note, all, newestSegment, copyTo } from '../support/journal-tmp.js'
const directory = mkdtempSync('/dev/shm/q-')
const j = await openNotes(directory)
await j.append('a', [note('n1')]); 
copyTo(directory, directory + '-x')
await j.close()
const k = await openNotes(directory + '-x') // unclean: new segment, last group again
await k.append('a', [note('needle-2')])
await k.append('a', [note('needle-3')])
copyTo(directory + '-x', directory + '-y')
await k.close()
const seg = newestSegment(directory + '-y')
const b = readFileSync(seg)
const at = b.indexOf(process.argv[2]!)
truncateSync(seg, at + Number(process.argv[3]))
const r = await openNotes(directory + '-y', { readOnly: true })
console.log(seg.slice(-24), at, r.recovery.position, r.recovery.damage); await r.close()
setTimeout(() => { console.log('opened?'); }, 10)
const w = await openNotes(directory + '-y')
console.log(w.recovery.position, (await all(w.readAll({ onGap: 'yield' }))).length)
await w.close()
