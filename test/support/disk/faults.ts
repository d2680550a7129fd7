/** What can go wrong with one call, other than the power. */

export type Call =
  | 'open'
  | 'write'
  | 'read'
  | 'datasync'
  | 'size'
  | 'close'
  | 'readdir'
  | 'mkdir'
  | 'link'
  | 'rename'
  | 'unlink'
  | 'syncDir'
  | 'exists'
  | 'stat'

/**
 * `short`: a write takes a part of what it is given. `rot`: a read returns a bit turned over. `death`: the process dies in the
 * call, and what of a write came through is left. `lie`: a sync says that all is well and does nothing, which no journal survives.
 */
export type FaultCode = 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EMFILE' | 'EROFS' | 'short' | 'rot' | 'death' | 'lie'

export interface Fault {
  code: FaultCode
  /** The call that fails, counted over all calls of the process that can fail so; the first is 1. */
  at: number
  /** All of them from then on. */
  forEver?: boolean
  /** Only these calls. */
  calls?: readonly Call[]
  /** Only calls that concern such a path. */
  path?: RegExp
}

const CHANGES: readonly Call[] = ['mkdir', 'link', 'rename', 'unlink']

const CALLS: readonly Call[] = ['open', 'write', 'read', 'datasync', 'size', 'close', 'readdir', ...CHANGES, 'syncDir']

/** Which calls can fail how. Only an `open` that creates or writes can lack space, or leave to write. */
const CAN_FAIL: Record<FaultCode, readonly Call[]> = {
  EIO: [...CALLS, 'exists', 'stat'],
  ENOSPC: ['open', 'write', 'datasync', 'mkdir', 'link', 'rename'],
  EDQUOT: ['open', 'write', 'datasync', 'mkdir', 'link', 'rename'],
  EMFILE: ['open', 'readdir', 'syncDir'],
  EROFS: ['open', 'write', ...CHANGES],
  short: ['write'],
  rot: ['read'],
  death: CALLS,
  lie: ['datasync', 'syncDir'],
}

/** Which of the faults of a process strikes next. */
export class Faults {
  readonly #faults: { fault: Fault; left: number }[]
  /** Calls that were made to fail, deaths not counted. */
  struck = 0

  constructor(faults: readonly Fault[]) {
    this.#faults = faults.map((fault) => ({ fault, left: fault.at }))
  }

  /** The code that this call fails with. `changes`: whether it creates or writes, so that it needs space and leave to write. */
  strike(call: Call, path: string, changes: boolean): FaultCode | undefined {
    for (const one of this.#faults) {
      const { code, forEver = false, calls = CAN_FAIL[code], path: only } = one.fault
      if (!calls.includes(call) || only?.test(path) === false) continue
      if (call === 'open' && !changes && (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS')) continue
      one.left--
      if (one.left > 0 || (one.left < 0 && !forEver)) continue
      if (code !== 'death') this.struck++
      return code
    }
    return undefined
  }
}
