/** Changes inputs as accidents and as somebody who means harm would. */
import type { Chance } from '../chance.js'

const BYTES = [0, 1, 0x7f, 0x80, 0x90, 0x9f, 0xa0, 0xc0, 0xc1, 0xc6, 0xc7, 0xd4, 0xdb, 0xdd, 0xdf, 0xff]
const NUMBERS = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff, 1 << 20, 1 << 28]

/** One to four changes of one of the inputs. */
export function mutated(inputs: readonly Buffer[], chance: Chance): Buffer {
  let bytes = Buffer.from(chance.one(inputs))
  for (let left = 1 + chance.below(4); left > 0; left--) bytes = Buffer.from(change(bytes, inputs, chance))
  return bytes
}

function change(bytes: Buffer, inputs: readonly Buffer[], chance: Chance): Buffer {
  const at = chance.below(bytes.length + 1)
  const length = 1 + chance.below(16)
  const rest = bytes.subarray(at)
  switch (chance.below(9)) {
    case 0:
      if (at < bytes.length) bytes[at]! ^= 1 << chance.below(8)
      return bytes
    case 1:
      if (at < bytes.length) bytes[at] = chance.one(BYTES)
      return bytes
    case 2:
      return Buffer.concat([bytes.subarray(0, at), chance.bytes(length), rest])
    case 3:
      return Buffer.concat([bytes.subarray(0, at), rest.subarray(length)])
    case 4:
      return Buffer.concat([bytes.subarray(0, at), rest.subarray(0, length), rest])
    case 5:
      return bytes.subarray(0, at)
    case 6: {
      const other = chance.one(inputs)
      return Buffer.concat([bytes.subarray(0, at), other.subarray(chance.below(other.length + 1))])
    }
    case 7:
      if (at + 4 <= bytes.length) bytes.writeUInt32LE(chance.one(NUMBERS), at)
      return bytes
    default:
      if (at + 4 <= bytes.length) bytes.writeUInt32BE(chance.one(NUMBERS), at)
      return bytes
  }
}
