/** The frame that vouches for a snapshot file. */
import { Packr } from 'msgpackr'
import type { SnapshotRecord } from '../storage/commit-store.js'

const packr = new Packr({ useRecords: false, moreTypes: false })

export const encodeSnapshot = (record: SnapshotRecord): Buffer => packr.pack(record)
export const decodeSnapshot = (payload: Uint8Array): SnapshotRecord => packr.unpack(payload) as SnapshotRecord
