'use strict';
// The parts of the mini program that only WeChat runs fit together: JSON, templates and handlers.
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');

const { ROOT, world } = require('./stub');

const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8');
const json = (file) => JSON.parse(read(file));
const PAGES = json('app.json').pages;
const COMPONENT = 'components/phone-popup/phone-popup';

test('every JSON file is JSON, and app.json names what exists', () => {
  for (const file of ['project.config.json', json('app.json').sitemapLocation]) json(file);
  for (const part of [...PAGES, COMPONENT]) {
    for (const ending of ['js', 'json', 'wxml', 'wxss']) read(`${part}.${ending}`);
    for (const used of Object.values(json(`${part}.json`).usingComponents)) {
      assert.ok(json(`${used}.json`).component);
    }
  }
});

test('every handler that a template names exists', async (t) => {
  const w = await world(t, {});
  for (const part of [...PAGES, COMPONENT]) {
    const instance = part === COMPONENT ? w.program.component(`${part}.js`, {}) : w.program.open(part);
    const handlers = [...read(`${part}.wxml`).matchAll(/(?:bind|catch):?\w+="(\w+)"/g)];
    assert.ok(handlers.length > 0);
    for (const [, name] of handlers) {
      assert.strictEqual(typeof instance[name], 'function', `${part}: ${name}`);
    }
  }
});

test('every value that a template shows is in the data', async (t) => {
  const w = await world(t, {});
  for (const part of [...PAGES, COMPONENT]) {
    const instance = part === COMPONENT ? w.program.component(`${part}.js`, {}) : w.program.open(part);
    for (const [, name] of read(`${part}.wxml`).matchAll(/\{\{\s*(\w+)/g)) {
      assert.ok(name === 'item' || name === 'false' || name in instance.data, `${part}: ${name}`);
    }
  }
});

test('templates have as many closing tags as opening ones', () => {
  for (const part of [...PAGES, COMPONENT]) {
    const open = [];
    for (const [tag, slash, name] of read(`${part}.wxml`)
      .replace(/<!--[^]*?-->/g, '').matchAll(/<(\/?)([\w-]+)(?:"[^"]*"|[^">])*>/g)) {
      if (slash) assert.strictEqual(open.pop(), name, part);
      else if (!tag.endsWith('/>')) open.push(name);
    }
    assert.deepStrictEqual(open, [], part);
  }
});
