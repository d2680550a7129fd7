/** Completion for fish. */
import { optionsOf, type Command, type Option } from '../command.js'
import { argumentsOf, brief, valuesOf, type Values } from './values.js'

export function fish(commands: readonly Command[]): string {
  return `${[
    '# turnlog: completion for fish. Put this into ~/.config/fish/completions/turnlog.fish',
    ...inCommand(commands),
    'complete -c turnlog -f',
    ...commands.map(({ name, says }) => `complete -c turnlog -n __fish_use_subcommand -a ${name} -d ${quoted(brief(says))}`),
    ...commands.flatMap((command) => [
      ...argumentsOf(command).flatMap(({ values, repeats }, i) =>
        values === undefined ? [] : [`${on(command, `${i} ${repeats ? '-ge' : '-eq'}`)} ${action(values)}`],
      ),
      ...Object.entries(optionsOf(command)).map(([name, option]) => `${on(command)} ${optionSpec(name, option)}`),
    ]),
  ].join('\n')}\n`
}

/** A function of fish: whether the words so far are this command's, and so many arguments stand before the cursor. */
function inCommand(commands: readonly Command[]): string[] {
  const takingValues = commands.flatMap((command) =>
    Object.entries(optionsOf(command)).flatMap(([name, { type }]) => (type === 'string' ? [`'${command.name} --${name}'`] : [])),
  )
  return [
    'function __turnlog_in --argument-names command place compares',
    '  set -l words (commandline -opc)',
    '  test "$words[2]" = $command; or return 1',
    '  test -n "$place"; or return 0',
    '  set -l before 0',
    '  set -l isValue 0',
    '  for word in $words[3..-1]',
    '    if test $isValue = 1',
    '      set isValue 0',
    `    else if contains -- "$command $word" ${takingValues.join(' ')}`,
    '      set isValue 1',
    "    else if not string match -q -- '-*' $word",
    '      set before (math $before + 1)',
    '    end',
    '  end',
    '  test $before $compares $place',
    'end',
  ]
}

const on = ({ name }: Command, place = ''): string => `complete -c turnlog -n '__turnlog_in ${`${name} ${place}`.trimEnd()}'`

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
