/** What the docs name must exist: linked files and headings, npm scripts, livebrush commands; tables are whole; public code has docstrings. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { root } from './setup.mjs';

const pages = () => [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

function brokenLinks(page, text) {
  return [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)|<img[^>]+src="([^"]+)"/g)]
    .map((match) => match[1] ?? match[2])
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => !existsSync(join(root, dirname(page), target)))
    .map((target) => `${page} links to ${target}, which does not exist`);
}

/** How a heading is linked to. */
const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
const anchorsOf = (text) => [...text.matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1]));

function brokenAnchors(page, text) {
  return [...text.matchAll(/\]\(([^)#\s:]*)#([^)\s]+)\)/g)].flatMap(([, target, anchor]) => {
    const to = target ? join(dirname(page), target) : page;
    if (!existsSync(join(root, to))) return [];
    const known = anchorsOf(readFileSync(join(root, to), 'utf8'));
    return known.includes(anchor)
      ? []
      : [`${page} links to the heading ${anchor} of ${to}, which does not exist`];
  });
}

/** Rows of a table that have another number of cells than its first. */
function raggedTables(page, text) {
  const cells = (line) => line.replace(/`[^`]*`|\\\|/g, '').split('|').length;
  const lines = text.split('\n');
  let first;
  return lines.flatMap((line, i) => {
    first = line.startsWith('|') ? (first ?? line) : undefined;
    return first && cells(line) !== cells(first)
      ? [`${page}:${i + 1} has a table row of another number of cells than its heading`]
      : [];
  });
}

function unknownScripts(page, text) {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return [...text.matchAll(/\bnpm run ([a-z:-]+)/g)]
    .map((match) => match[1])
    .filter((name) => !(name in scripts))
    .map((name) => `${page} names npm run ${name}, which package.json does not have`);
}

function unknownCommands(page, text) {
  const known = readdirSync(join(root, 'src', 'commands')).map((file) => file.replace(/\.ts$/, ''));
  return [...text.matchAll(/^\s*(?:npx )?livebrush ([a-z]+)/gm)]
    .map((match) => match[1])
    .filter((name) => !known.includes(name))
    .map((name) => `${page} names livebrush ${name}, which has no file in src/commands`);
}

/** Exported functions, classes and interfaces without a docstring. */
function undocumented() {
  return readdirSync(join(root, 'src'), { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const lines = readFileSync(join(root, 'src', file), 'utf8').split('\n');
      return lines.flatMap((line, i) => {
        const name = line.match(
          /^export (?:async )?(?:abstract )?(?:function\*?|class|interface) (\w+)/,
        )?.[1];
        const above = lines[i - 1]?.trim() ?? '';
        return name && !above.endsWith('*/')
          ? [`src/${file.split(sep).join('/')}:${i + 1} ${name} has no docstring`]
          : [];
      });
    });
}

/** Every fault, one sentence each. */
export function checkDocs() {
  const inPages = pages().flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8');
    const faults = [brokenLinks, brokenAnchors, raggedTables, unknownScripts, unknownCommands];
    return faults.flatMap((faultsOf) => faultsOf(page, text));
  });
  return [...inPages, ...undocumented()];
}
