/** One walk over every frame of a journal: what is there, what cannot be read, and what can be said of each such place. */
import { createHash } from 'node:crypto'
import type { Damage } from '../errors.js'
import type { Head } from './commit-store.js'
import type { Sealed } from './core.js'
import type { FileHandle } from './files.js'
import { HEADER_BYTES, Kind, movesDigest, NO_HISTORY, type Frame } from './frame.js'
import { gapsIn, type Evidence } from './gap-record.js'
import { headOf, readGroup } from './group.js'
import { hashOf } from './io.js'
import { streamsIn, type StreamsLost } from './lost-streams.js'
import { Proof } from './proof.js'
import { confined, isPast } from './rebuild.js'
import { lastVersion } from './record.js'
import { salvage } from './salvage.js'
import type { State } from './state.js'
import { isHole, Walk, type Chain, type Hole } from './walk.js'

export interface SurveyOptions {
  signal?: AbortSignal
  progress?: (done: number, total: number) => void
}

/** A place that cannot be read. */
export interface Finding {
  damage: Damage
  evidence: Evidence
  streams: StreamsLost
}

export class Survey<Note> {
  readonly findings: Finding[] = []
  commits = 0
  events = 0
  readonly proof: Proof | undefined
  readonly #state: State<Note>
  #chain: Chain = { group: -1, position: 0, digest: NO_HISTORY }
  /** Findings behind which no frame has been met yet. */
  #awaiting: Evidence[] = []

  constructor(state: State<Note>, since?: Head) {
    this.#state = state
    this.proof = since === undefined ? undefined : new Proof(since, state.head)
  }

  async read({ signal, progress }: SurveyOptions = {}): Promise<void> {
    const { head, active, end } = this.#state
    const segments: Sealed[] = Array.from({ length: active.number - 1 }, (_, i) => this.#state.segments.get(i + 1) as Sealed)
    if (active.number > 0) segments.push({ ...active, end, position: head.position, digest: undefined })
    const total = segments.reduce((sum, segment) => sum + segment.end, 0)
    let done = 0
    for (const segment of segments) {
      signal?.throwIfAborted()
      await this.#segment(segment)
      done += segment.end
      progress?.(done, total)
    }
  }

  async #segment(segment: Sealed): Promise<void> {
    const { core } = this.#state
    // As everybody reads it: a header that checks says which number it has, whatever was lost of the end before.
    const chain = { ...this.#chain, group: core.before.get(segment.number)?.group ?? -1 }
    if (segment.end > 0)
      await core.handles.with(core.paths.segment(segment), (file) =>
        this.#frames(new Walk(file, core.journal, 0, segment.end, chain, { upTo: segment.position }), segment, file),
      )
    if (this.#chain.position < segment.position) {
      const place = { segment: segment.name, offset: segment.end, bytes: 0 }
      const lost = { firstPosition: this.#chain.position + 1, lastPosition: segment.position }
      await this.#found(segment, { ...place, ...lost, reason: 'the segment is missing or ends early' }, {})
      this.#chain = { group: -1, position: segment.position, digest: undefined }
    }
  }

  async #frames(walk: Walk, segment: Sealed, file: FileHandle): Promise<void> {
    const versions = new Map<string, number>()
    for (;;) {
      const next = walk.next()
      const item = next instanceof Promise ? await next : next
      if (item === undefined || isPast(item, segment)) break
      if (isHole(item)) {
        versions.clear()
        await this.#hole(item, segment, file)
        if (!item.final) continue
        this.#chain = { group: -1, position: segment.position, digest: undefined }
        return
      }
      this.#frame(item)
      if (item.header.kind === Kind.gap) versions.clear()
      if (item.header.kind === Kind.data) await this.#group(item, segment, versions)
    }
    this.#chain = { ...walk.chain }
  }

  #frame(frame: Frame): void {
    const { bytes, at, offset, end, header } = frame
    if (this.#awaiting.length > 0) {
      const sha256 = createHash('sha256')
        .update(bytes.subarray(at - HEADER_BYTES, at - HEADER_BYTES + end - offset))
        .digest()
      for (const evidence of this.#awaiting) evidence.next = sha256
      this.#awaiting = []
    }
    this.#chain.digest = header.digest
    if (this.proof === undefined) return
    this.proof.frame(headOf(frame))
    if (header.kind === Kind.gap) this.proof.recorded(gapsIn(frame))
    if (movesDigest(header)) this.proof.end(headOf(frame))
  }

  async #hole(hole: Hole, segment: Sealed, file: FileHandle): Promise<void> {
    const { before, lost, after } = salvage(confined(hole, segment))
    for (const { commit } of [...before, ...after]) this.#count(commit.events.length)
    const { first, last } = lost ?? { first: hole.first, last: hole.first - 1 }
    const place = { segment: segment.name, offset: hole.offset, bytes: hole.end - hole.offset }
    const damage = { ...place, firstPosition: first, lastPosition: last ?? segment.position, reason: hole.reason }
    await this.#found(segment, damage, { sha256: await hashOf(file, hole.offset, hole.end) })
  }

  async #group(frame: Frame, segment: Sealed, versions: Map<string, number>): Promise<void> {
    for (const commit of readGroup(frame).commits) {
      this.#count(commit.events.length)
      const before = versions.get(commit.stream)
      if (before !== undefined && commit.version !== before + 1) {
        const place = { segment: segment.name, offset: frame.offset, bytes: frame.end - frame.offset }
        const reason = `stream ${JSON.stringify(commit.stream)} goes from version ${before} to ${commit.version}`
        await this.#found(segment, { ...place, firstPosition: commit.position, lastPosition: commit.position - 1, reason }, {})
      }
      versions.set(commit.stream, lastVersion(commit))
    }
  }

  async #found(segment: Sealed, damage: Damage, { sha256 }: Evidence): Promise<void> {
    const { digest } = this.#chain
    const evidence: Evidence = { ...(digest === undefined ? {} : { before: digest }), ...(sha256 === undefined ? {} : { sha256 }) }
    const streams = await streamsIn(this.#state, segment.number, damage.firstPosition, damage.lastPosition as number)
    const named = streams === undefined ? damage : { ...damage, streams: streams.map(([stream]) => stream) }
    const finding = { damage: named, evidence, streams }
    this.findings.push(finding)
    this.#awaiting.push(evidence)
    this.proof?.found(finding)
    this.#chain.digest = undefined
  }

  #count(events: number): void {
    this.commits++
    this.events += events
  }
}
