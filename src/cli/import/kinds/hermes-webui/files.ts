/** Which files of a Hermes WebUI state directory belong to which session. */
import { basename, dirname, join } from 'node:path'
import { isDatabase, type SourceFile } from '../../source-file.js'

export interface Folder {
  /** The `sessions` directory. */
  path: string
  sessions: Map<string, SessionFiles>
  states: SourceFile[]
  index: SourceFile | undefined
  tombstones: SourceFile[]
  others: SourceFile[]
}

export interface SessionFiles {
  id: string
  sidecar?: SourceFile
  backup?: SourceFile
  /** Turn journal, one shard for each process that wrote. */
  shards: SourceFile[]
  /** Run journals. */
  runs: SourceFile[]
}

export function foldersOf(files: readonly SourceFile[]): Folder[] {
  const folders = new Map<string, Folder>()
  for (const file of files) {
    const path = folderOf(file, files)
    const folder = folders.get(path) ?? { path, sessions: new Map(), states: [], index: undefined, tombstones: [], others: [] }
    folders.set(path, folder)
    put(folder, file)
  }
  return [...folders.values()]
}

function folderOf(file: SourceFile, files: readonly SourceFile[]): string {
  const folder = dirname(file.path)
  if (basename(folder) === '_turn_journal') return dirname(folder)
  if (basename(dirname(folder)) === '_run_journal') return dirname(dirname(folder))
  if (!isDatabase(file)) return folder
  const sessions = join(folder, 'sessions')
  return files.some(({ path }) => dirname(path) === sessions) ? sessions : folder
}

function put(folder: Folder, file: SourceFile): void {
  const around = dirname(file.path)
  if (basename(around) === '_turn_journal') session(folder, file.name.replace(/(~\d+)?\.jsonl$/, '')).shards.push(file)
  else if (basename(dirname(around)) === '_run_journal') session(folder, basename(around)).runs.push(file)
  else if (isDatabase(file)) folder.states.push(file)
  else if (file.name === '_index.json') folder.index = file
  else if (file.name === '_deleted_webui_sessions.json' || file.name === '_pruned_webui_orphans.json') folder.tombstones.push(file)
  else if (file.name.startsWith('_')) folder.others.push(file)
  else if (file.name.endsWith('.json.bak')) session(folder, file.name.slice(0, -'.json.bak'.length)).backup = file
  else if (file.name.endsWith('.json')) session(folder, file.name.slice(0, -'.json'.length)).sidecar = file
  else folder.others.push(file)
}

function session({ sessions }: Folder, id: string): SessionFiles {
  const there = sessions.get(id)
  if (there !== undefined) return there
  const files: SessionFiles = { id, shards: [], runs: [] }
  sessions.set(id, files)
  return files
}
