'use strict';
// A small server with the native API's shapes, scripted by each test, and a world around it: one
// mini program on one person's phone.
const http = require('node:http');
const path = require('node:path');

const { FakeWx } = require('./fake_wx');
const { MiniProgram } = require('./loader');

const ROOT = path.join(__dirname, '../../../examples/miniprogram');
const APPID = 'wx0123456789abcdef';
const HURRY = 50;

const USER = {
  id: 7, phoneNumber: '13800138000', countryCode: '86', nickname: '小明', avatar: '', createdAt: 1,
};

const LOST = Symbol('carried out, the connection ends without an answer');

const problem = (status, code, detail, headers) => ({
  status,
  headers: { 'content-type': 'application/problem+json', ...headers },
  body: { title: 'x', status, code, detail, request_id: 'r1' },
});

class Stub {
  // routes: {"POST /v1/login": answer or [answers in turn, the last one stays]}; an answer is
  // {status?, headers?, body?}, LOST, or a function of the call that gives one.
  async start(routes) {
    this.routes = { ...routes };
    this.calls = []; // {name, body, token}
    this.server = http.createServer((request, response) => this.take(request, response));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async take(request, response) {
    let text = '';
    for await (const chunk of request) text += chunk;
    const call = {
      name: `${request.method} ${request.url}`,
      body: text ? JSON.parse(text) : undefined,
      token: (request.headers.authorization || '').replace('Bearer ', ''),
      headers: request.headers,
    };
    this.calls.push(call);
    const route = this.routes[call.name];
    let answer = Array.isArray(route) ? (route.length > 1 ? route.shift() : route[0]) : route;
    if (typeof answer === 'function') answer = await answer(call);
    if (answer === LOST) return request.socket.destroy();
    return this.reply(response, answer || problem(404, 'not_found', '没有这个接口'));
  }

  reply(response, answer) {
    const isText = typeof answer.body === 'string';
    response.writeHead(answer.status || (answer.body === undefined ? 204 : 200), {
      'content-type': 'application/json', ...answer.headers,
    });
    response.end(isText ? answer.body : JSON.stringify(answer.body));
  }

  named(name) {
    return this.calls.filter((call) => call.name === name);
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

function loginAnswer(number, changes) {
  return {
    body: {
      accessToken: `access-${number}`, expiresIn: 3600, refreshToken: `refresh-${number}`, user: USER,
      isNew: false, ...changes,
    },
  };
}

function refreshAnswer(number, changes) {
  return {
    body: {
      accessToken: `access-${number}`, expiresIn: 3600, refreshToken: `refresh-${number}`, ...changes,
    },
  };
}

// A session as it is stored after a login, ending in so many seconds.
function stored(number, leftS, user = USER) {
  return {
    accessToken: `access-${number}`, refreshToken: `refresh-${number}`,
    expiresAt: Date.now() + leftS * 1000, lifetimeMs: 3600000, user,
  };
}

// A mini program that talks to a Stub; `t` is the test, at whose end all stops.
async function world(t, routes, options = {}) {
  const stub = await new Stub().start(routes);
  t.after(() => stub.stop());
  let codes = 0;
  const person = { appid: APPID, login: () => `login-code-${(codes += 1)}`, ...options.person };
  const wx = new FakeWx(person);
  if (options.session) wx.setStorageSync('session', options.session);
  const config = { baseUrl: stub.url, timeoutMs: 5000, ...options.config };
  const program = new MiniProgram(ROOT, wx, config, HURRY);
  return {
    stub, wx, person, program,
    api: program.load('utils/api.js'),
    session: program.load('utils/session.js'),
    request: (o) => program.load('utils/request.js').request(o),
    again: () => new MiniProgram(ROOT, wx, config, HURRY), // closed and opened again
  };
}

module.exports = { ROOT, USER, LOST, problem, loginAnswer, refreshAnswer, stored, world };
