/** Completion for fish. */
import { optionsOf, type Command, type Option } from '../command.js'
import { argumentsOf, brief, valuesOf, type Values } from './values.js'

export function fish(commands: readonly Command[]): string {
  return `${[
    '# turnlog: completion for fish. Put this into ~/.config/fish/completions/turnlog.fish',
    'complete -c turnlog -f',
    ...commands.map(({ name, says }) => `complete -c turnlog -n __fish_use_subcommand -a ${name} -d ${quoted(brief(says))}`),
    ...commands.flatMap((command) => [
      ...argumentsOf(command).flatMap(({ values }) => (values === undefined ? [] : [`${on(command)} ${action(values)}`])),
      ...Object.entries(optionsOf(command)).map(([name, option]) => `${on(command)} ${optionSpec(name, option)}`),
    ]),
  ].join('\n')}\n`
}

const on = ({ name }: Command): string => `complete -c turnlog -n '__fish_seen_subcommand_from ${name}'`

function optionSpec(name: string, option: Option): string {
  const says = `-l ${name} -d ${quoted(option.says)}`
  return option.type === 'boolean' ? says : `${says} -r ${action(valuesOf(option))}`
}

function action(values: Values): string {
  if (values === undefined) return '-f'
  if (values === 'directory') return "-f -a '(__fish_complete_directories)'"
  return values === 'file' ? '-F' : `-f -a ${quoted(values.join(' '))}`
}

const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, String.raw`\\$&`)}'`
