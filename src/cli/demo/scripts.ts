/** The scripts that a demonstration plays: those of the transcripts that were named, or the sample's. */
import { readStory } from './read-story.js'
import { sample } from './sample.js'
import type { Script } from './script.js'
import { writeScript } from './write-script.js'

/** Reading the same files gives the same scripts, in every process. */
export async function loadScripts(transcripts: readonly string[]): Promise<Script[]> {
  if (transcripts.length === 0) return [writeScript(sample())]
  const scripts: Script[] = []
  for (const path of transcripts) {
    const story = await readStory(path)
    const namesakes = scripts.filter(
      ({ session }) => session === `session-${story.id}` || session.startsWith(`session-${story.id}~`),
    ).length
    scripts.push(writeScript(story, `session-${story.id}${namesakes === 0 ? '' : `~${namesakes + 1}`}`))
  }
  return scripts
}
