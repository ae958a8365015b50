'use strict';
// Loads a mini program's files as WeChat does: CommonJS modules of their own, App(), Page(),
// Component(), getApp(), getCurrentPages(), and pages on a stack. Each MiniProgram is one running
// mini program: nothing is shared between two of them.
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const NAMES = ['module', 'exports', 'require', 'wx', 'App', 'Page', 'Component', 'getApp',
  'getCurrentPages', 'console', 'setTimeout'];

class EventChannel {
  constructor() {
    this.listeners = {};
    this.early = {}; // emitted before anybody listened
  }

  emit(name, ...args) {
    if (this.listeners[name]) this.listeners[name](...args);
    else this.early[name] = args;
  }

  once(name, listener) {
    this.on(name, (...args) => {
      delete this.listeners[name];
      listener(...args);
    });
  }

  on(name, listener) {
    this.listeners[name] = listener;
    if (this.early[name]) this.emit(name, ...this.early[name]);
  }
}

// data, setData and the methods of a page or a component.
class Instance {
  constructor(definition, methods) {
    this.data = JSON.parse(JSON.stringify(definition.data || {}));
    for (const [name, value] of Object.entries(methods)) {
      if (name !== 'data') this[name] = typeof value === 'function' ? value.bind(this) : value;
    }
  }

  setData(patch, callback) {
    for (const [key, value] of Object.entries(patch)) {
      if (value === undefined) throw new Error(`setData: ${key} is undefined`);
      this.data[key] = JSON.parse(JSON.stringify(value));
    }
    if (callback) callback();
  }
}

class MiniProgram {
  // config: replaces values of the mini program's config.js. hurry: its timers run so many times
  // faster; what it asked for is in `waits`, in ms.
  constructor(root, wx, config, hurry = 1) {
    this.root = root;
    this.wx = wx;
    this.waits = [];
    this.setTimeout = (callback, ms) => {
      this.waits.push(ms);
      return setTimeout(callback, ms / hurry);
    };
    this.modules = new Map();
    this.defined = {}; // what the file that is being loaded gave to Page() or Component()
    this.stack = [];
    this.opening = []; // promises of onShow, for settled()
    this.warnings = [];
    wx.router = this;
    Object.assign(this.load('config.js'), config);
    this.load('app.js');
    this.app = new Instance({}, this.defined.App);
    if (this.app.onLaunch) this.app.onLaunch({});
  }

  // A module's exports.
  load(file) {
    const full = path.join(this.root, file);
    if (this.modules.has(full)) return this.modules.get(full).exports;
    const module = { exports: {} };
    this.modules.set(full, module);
    const define = (kind) => (definition) => {
      this.defined[kind] = definition;
    };
    const requireFrom = (name) => {
      const target = path.join(path.dirname(file), name);
      return this.load(target.endsWith('.js') ? target : `${target}.js`);
    };
    const code = vm.compileFunction(fs.readFileSync(full, 'utf8'), NAMES, { filename: full });
    code(module, module.exports, requireFrom, this.wx, define('App'), define('Page'),
      define('Component'), () => this.app, () => this.stack.slice(),
      { ...console, warn: (...words) => this.warnings.push(words.join(' ')) }, this.setTimeout);
    return module.exports;
  }

  // ---- pages ----

  open(url, channel) {
    const [route, query] = url.replace(/^\//, '').split('?');
    this.modules.delete(path.join(this.root, `${route}.js`)); // so that Page() is called again
    this.load(`${route}.js`);
    const page = new Instance(this.defined.Page, this.defined.Page);
    page.route = route;
    page.getOpenerEventChannel = () => channel || new EventChannel();
    this.stack.push(page);
    if (page.onLoad) page.onLoad(Object.fromEntries(new URLSearchParams(query)));
    if (page.onShow) this.opening.push(Promise.resolve(page.onShow()));
    return page;
  }

  reLaunch(url) {
    this.stack.length = 0;
    return this.open(url);
  }

  navigateTo(url) {
    const channel = new EventChannel();
    this.open(url, channel);
    return channel;
  }

  navigateBack() {
    this.stack.pop();
  }

  get page() {
    return this.stack[this.stack.length - 1];
  }

  // Once no page is still loading what it shows.
  async settled() {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.opening.length > 0) {
      await this.opening.pop();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  // ---- components ----

  // An instance; its events go to `events`: [{name, detail}].
  component(file, properties) {
    this.modules.delete(path.join(this.root, file));
    this.load(file);
    const definition = this.defined.Component;
    const instance = new Instance(definition, definition.methods);
    for (const [name, property] of Object.entries(definition.properties)) {
      instance.data[name] = property.value;
    }
    Object.assign(instance.data, properties);
    instance.events = [];
    instance.triggerEvent = (name, detail) => instance.events.push({ name, detail });
    return instance;
  }
}

module.exports = { MiniProgram };
