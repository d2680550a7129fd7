import { encodeCommit } from '../../src/storage/record.js'
import { Facts } from '../../src/storage/facts.js'
console.log(encodeCommit({ stream: 'a', version: 1, at: 0, events: [{ type: 'added', schema: 1, data: { n: 1 }, flags: 0 }] }).toString('hex'))
const h = new Facts().encode(1); console.log(h.length, h.toString('hex').slice(0, 40))
