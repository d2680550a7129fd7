/** Ed25519 keys for notes, in the text form that other tools for signed notes read (C2SP signed-note). */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, openSync, readFileSync, writeSync, closeSync, fsyncSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { Problem } from './problem.js'

const ED25519 = 1
/** What stands before the 32 bytes of a key in DER. */
const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex')
const SECRET = 'PRIVATE+KEY+'

export interface PublicKey {
  name: string
  /** First four bytes of the hash of name and key: tells keys of one name apart. */
  id: Buffer
  key: KeyObject
}

export interface SecretKey extends PublicKey {
  secret: KeyObject
}

/** Where a key lies if nobody says otherwise. */
export function defaultKeyPath(): string {
  return join(process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'turnlog', 'key')
}

/** @throws Problem for a name that no key can have, and where there is a key already. */
export function mayMakeKey(path: string, name: string): void {
  if (!/^[^\s+]+$/.test(name)) throw new Problem('The name of a key has no spaces and no plus sign')
  for (const one of [path, `${path}.pub`]) if (existsSync(one)) throw isThere(one)
}

/** Makes a key: the secret in a file that only its owner reads, the public part beside it. Never overwrites. */
export function makeKey(path: string, name: string): string {
  mayMakeKey(path, name)
  const pair = generateKeyPairSync('ed25519')
  const seed = pair.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)
  const raw = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  const id = idOf(name, raw)
  const text = (bytes: Buffer): string => `${name}+${id.toString('hex')}+${Buffer.concat([Buffer.of(ED25519), bytes]).toString('base64')}`
  const shown = text(raw)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  place(path, `${SECRET}${text(seed)}\n`, 0o600)
  place(`${path}.pub`, `${shown}\n`, 0o644)
  return shown
}

/** @throws Problem if the file holds no secret key. */
export function secretKey(path: string): SecretKey {
  const text = readKey(path)
  if (!text.startsWith(SECRET)) throw new Problem(`${path} holds no secret key`)
  const { name, id, bytes } = parsed(text.slice(SECRET.length), path)
  const secret = createPrivateKey({ key: Buffer.concat([PRIVATE_DER, bytes]), format: 'der', type: 'pkcs8' })
  const key = createPublicKey(secret)
  return { name, id, key, secret }
}

/** The public key in a file, its secret key's if it holds that, or in the words themselves. @throws Problem */
export function publicKey(given: string): PublicKey {
  if (/^[^\s+/]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/.test(given)) return fromText(given, given)
  const text = readKey(given)
  return text.startsWith(SECRET) ? secretKey(given) : fromText(text, given)
}

export function signWith({ secret }: SecretKey, text: string): Buffer {
  return sign(null, Buffer.from(text), secret)
}

export function isSignedBy({ key }: PublicKey, text: string, signature: Buffer): boolean {
  return verify(null, Buffer.from(text), key, signature)
}

function fromText(text: string, where: string): PublicKey {
  const { name, id, bytes } = parsed(text, where)
  if (!idOf(name, bytes).equals(id)) throw new Problem(`${where} is no key: its parts do not belong together`)
  return { name, id, key: createPublicKey({ key: Buffer.concat([PUBLIC_DER, bytes]), format: 'der', type: 'spki' }) }
}

function parsed(text: string, where: string): { name: string; id: Buffer; bytes: Buffer } {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text)
  const bytes = Buffer.from(match?.[3] ?? '', 'base64')
  if (match === null || bytes.length !== 33 || bytes[0] !== ED25519) throw new Problem(`${where} holds no Ed25519 key of turnlog`)
  return { name: match[1] as string, id: Buffer.from(match[2] as string, 'hex'), bytes: bytes.subarray(1) }
}

function idOf(name: string, raw: Uint8Array): Buffer {
  return createHash('sha256').update(`${name}\n`).update(Buffer.of(ED25519)).update(raw).digest().subarray(0, 4)
}

function readKey(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Problem(`There is no key in ${path}. Make one with turnlog keygen, or name yours with --key.`)
  }
}

function isThere(path: string): Problem {
  return new Problem(`${path} is there already, and a key is never overwritten. Name another file.`)
}

function place(path: string, text: string, mode: number): void {
  let file: number
  try {
    file = openSync(path, 'wx', mode)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw isThere(path)
  }
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
