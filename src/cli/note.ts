/**
 * Signed notes: position and digest of a journal, to hold it to later. Text, a blank line, signatures (C2SP signed-note), and the
 * text is that of a checkpoint: origin, size, digest.
 */
import type { Head } from '../index.js'
import { isSignedBy, signWith, type PublicKey, type SecretKey } from './keys.js'
import { Problem } from './problem.js'

const ORIGIN = 'turnlog/'
const DASH = '\u2014'

/** What a note says, once its signature was checked. */
export interface Note extends Head {
  /** The journal it speaks of. */
  id: string
  signedBy: string
}

export function writeNote(id: string, { position, digest }: Head, key: SecretKey): string {
  const text = `${ORIGIN}${id}\n${position}\n${Buffer.from(digest, 'hex').toString('base64')}\n`
  const signature = Buffer.concat([key.id, signWith(key, text)]).toString('base64')
  return `${text}\n${DASH} ${key.name} ${signature}\n`
}

/** @throws Problem if it is no note, or the key did not sign it. */
export function readNote(note: string, key: PublicKey): Note {
  const end = note.indexOf('\n\n')
  const text = note.slice(0, end + 1)
  const said = /^turnlog\/([0-9a-f]{32})\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n/.exec(text)
  if (end < 0 || said === null)
    throw new Problem('This is no note of turnlog: it should say origin, position and digest, a blank line, and who signed it')
  const signatures = note
    .slice(end + 2)
    .split('\n')
    .map((line) => line.split(' '))
  const own = signatures.flatMap(([dash, name, bytes = '']) => {
    const signature = Buffer.from(bytes, 'base64')
    return dash === DASH && name === key.name && signature.subarray(0, 4).equals(key.id) ? [signature.subarray(4)] : []
  })
  if (own.length === 0) throw new Problem(`The note is not signed by ${key.name} with this key`)
  if (!own.every((signature) => isSignedBy(key, text, signature)))
    throw new Problem(`The note is not what ${key.name} signed: the signature does not fit`)
  return {
    id: said[1] as string,
    position: Number(said[2]),
    digest: Buffer.from(said[3] as string, 'base64').toString('hex'),
    signedBy: key.name,
  }
}
