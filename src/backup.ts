/** Copies of a journal: backing it up beside its writer, and making a journal of a backup. Bytes are copied, whatever they mean, so no catalogue is needed. */
export { backUp, restoreTo, type BackupOptions, type BackupReport } from './storage/backup.js'
