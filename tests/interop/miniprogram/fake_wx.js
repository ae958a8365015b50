'use strict';
// A `wx` for Node: what the mini program calls, as WeChat documents it, over real HTTP. What the
// person would see (toasts, modals, pages) is recorded in `seen`; what he would do (agree, log in,
// be without a network) is told to it through `person` and `faults`.
const http = require('node:http');

// wx.request knows no PATCH.
const METHODS = ['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT'];
const DEFAULT_TIMEOUT_MS = 60000;

class FakeWx {
  // person: {appid, login()} - login gives a code of wx.login or throws.
  constructor(person) {
    this.person = person;
    this.storage = new Map();
    this.seen = { toasts: [], modals: [], loading: 0, requests: [] };
    this.faults = []; // each function (options) → a fail object, or undefined: goes through
    this.router = null; // the loader's: where pages open
    for (const name of Object.getOwnPropertyNames(FakeWx.prototype)) {
      if (name !== 'constructor') this[name] = this[name].bind(this);
    }
  }

  // ---- storage: values are copies, as in WeChat ----

  getStorageSync(key) {
    return this.storage.has(key) ? JSON.parse(this.storage.get(key)) : '';
  }

  setStorageSync(key, value) {
    this.storage.set(key, JSON.stringify(value));
  }

  removeStorageSync(key) {
    this.storage.delete(key);
  }

  // ---- the person and his phone ----

  async login(options) {
    try {
      done(options, { code: await this.person.login(), errMsg: 'login:ok' });
    } catch (error) {
      failed(options, { errMsg: `login:fail ${error.message}`, errno: 1000 });
    }
  }

  getDeviceInfo() {
    return { brand: 'Node', model: process.version, platform: 'devtools' };
  }

  showToast(options) {
    this.seen.toasts.push(options.title);
    done(options, { errMsg: 'showToast:ok' });
  }

  // Confirmed, unless person.confirms says otherwise.
  showModal(options) {
    this.seen.modals.push(options.content);
    const confirm = this.person.confirms !== false;
    done(options, { confirm, cancel: !confirm, errMsg: 'showModal:ok' });
  }

  showLoading(options) {
    this.seen.loading += 1;
    done(options, {});
  }

  hideLoading(options) {
    this.seen.loading -= 1;
    done(options || {}, {});
  }

  stopPullDownRefresh() {}

  // ---- pages ----

  reLaunch(options) {
    this.router.reLaunch(options.url);
    done(options, { errMsg: 'reLaunch:ok' });
  }

  navigateTo(options) {
    const eventChannel = this.router.navigateTo(options.url);
    done(options, { eventChannel, errMsg: 'navigateTo:ok' });
  }

  navigateBack(options) {
    this.router.navigateBack();
    done(options || {}, {});
  }

  // ---- network ----

  request(options) {
    const method = options.method || 'GET';
    this.seen.requests.push(`${method} ${new URL(options.url).pathname}`);
    if (!METHODS.includes(method)) {
      return failed(options, { errMsg: 'request:fail method is invalid', errno: 600001 });
    }
    return this.overHttp(options, outgoing(method, options));
  }

  uploadFile(options) {
    const boundary = 'x';
    const body =
      `--${boundary}\r\nContent-Disposition: form-data; name="${options.name}"; ` +
      `filename="${options.filePath}"\r\n\r\nbytes\r\n--${boundary}--\r\n`;
    const header = { 'content-type': `multipart/form-data; boundary=${boundary}` };
    this.overHttp({ ...options, dataType: 'text' }, { method: 'POST', url: options.url, header, body });
  }

  overHttp(options, out) {
    const fault = this.faults.map((f) => f({ ...options, method: out.method })).find(Boolean);
    if (fault && !fault.afterwards) return failed(options, fault);
    const headers = { ...out.header, referer: this.referer(), 'user-agent': 'MicroMessenger fake' };
    if (out.body !== undefined) headers['content-length'] = Buffer.byteLength(out.body);
    const sent = http.request(out.url, { method: out.method, headers, agent: false });
    sent.setTimeout(options.timeout || DEFAULT_TIMEOUT_MS, () => {
      sent.destroy(Object.assign(new Error('timeout'), { isTimeout: true }));
    });
    sent.on('error', (error) => failed(options, error.isTimeout
      ? { errMsg: 'request:fail timeout', errno: 5 }
      : { errMsg: `request:fail ${error.message}`, errno: 600001 }));
    sent.on('response', (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', () => {});
      response.on('end', () => {
        if (fault) return failed(options, fault); // done by the server, its answer lost
        return done(options, answer(options, response, Buffer.concat(chunks).toString()));
      });
    });
    sent.end(out.body);
    return undefined;
  }

  referer() {
    return `https://servicewechat.com/${this.person.appid}/0/page-frame.html`;
  }
}

// success and complete, or fail and complete, after the call returned.
function done(options, res) {
  setImmediate(() => {
    if (options.success) options.success(res);
    if (options.complete) options.complete(res);
  });
}

function failed(options, fail) {
  setImmediate(() => {
    if (options.fail) options.fail(fail);
    if (options.complete) options.complete(fail);
  });
}

// An object is the query of a GET, else JSON, or a form when the header says so.
function outgoing(method, options) {
  const header = { 'content-type': 'application/json' };
  for (const [name, value] of Object.entries(options.header || {})) {
    header[name.toLowerCase()] = value;
  }
  const { data } = options;
  const isObject = data !== null && typeof data === 'object';
  if (method === 'GET' && isObject) {
    const url = new URL(options.url);
    for (const [name, value] of Object.entries(data)) url.searchParams.append(name, value);
    return { method, url, header };
  }
  const isForm = header['content-type'].includes('x-www-form-urlencoded');
  let body = data;
  if (isObject) body = isForm ? new URLSearchParams(data).toString() : JSON.stringify(data);
  else if (data !== undefined) body = String(data);
  return { method, url: options.url, header, body };
}

function answer(options, response, text) {
  let data = text;
  if ((options.dataType || 'json') === 'json') {
    try {
      data = JSON.parse(text);
    } catch (error) {
      data = text; // WeChat gives the text then
    }
  }
  return { data, statusCode: response.statusCode, header: response.headers, errMsg: 'request:ok' };
}

// ---- e.detail of open-type="getPhoneNumber" ----

const phoneDetail = {
  ok: (code) => ({ errMsg: 'getPhoneNumber:ok', code, encryptedData: 'AAAA', iv: 'AAAA' }),
  encrypted: (data) => ({ errMsg: 'getPhoneNumber:ok', ...data }),
  denied: () => ({ errMsg: 'getPhoneNumber:fail user deny' }),
  noQuota: () => ({ errMsg: 'getPhoneNumber:fail no quota', errno: 1400001 }),
  noNetwork: () => ({ errMsg: 'getPhoneNumber:fail network error' }),
};

module.exports = { FakeWx, phoneDetail };
