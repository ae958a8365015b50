'use strict';
// utils/request.js: the session renews itself, one-time codes are never sent to another request,
// and the server's word is kept. Against a scripted server.
const assert = require('node:assert');
const test = require('node:test');

const { LOST, USER, loginAnswer, problem, refreshAnswer, stored, world } = require('./stub');

const ME = { path: '/v1/me', repeatable: true };
const REFRESH = 'POST /v1/token/refresh';
const LOGIN = 'POST /v1/login';
const UNAUTHORIZED = problem(401, 'invalid_token', 'Token 无效或已过期');
const REFUSED = problem(401, 'invalid_refresh_token', '登录已过期');

const meFor = (...tokens) => (call) => (tokens.includes(call.token) ? { body: USER } : UNAUTHORIZED);
const rejects = (promise, code) => assert.rejects(promise, (error) => error.code === code
  || assert.fail(`${error.code} instead of ${code}: ${error.stack}`));

// ---- what is sent ----

test('a request carries the access token, JSON, and the Referer that names the app', async (t) => {
  const w = await world(t, { 'PUT /v1/me': { body: USER } }, { session: stored(1, 3000) });
  await w.api.saveProfile({ nickname: '小红', avatar: '' });
  const [call] = w.stub.calls;
  assert.strictEqual(call.token, 'access-1');
  assert.deepStrictEqual(call.body, { nickname: '小红', avatar: '' });
  assert.strictEqual(call.headers['content-type'], 'application/json');
  assert.match(call.headers.referer, /^https:\/\/servicewechat\.com\/wx0123456789abcdef\//);
});

test('without a session nothing is sent', async (t) => {
  const w = await world(t, {});
  await rejects(w.request(ME), 'login_required');
  assert.strictEqual(w.stub.calls.length, 0);
});

test('a session outlives the mini program', async (t) => {
  const w = await world(t, { [LOGIN]: loginAnswer(1), 'GET /v1/me': { body: USER } });
  await w.api.login({ loginCode: 'a' });
  const later = w.again();
  await later.load('utils/api.js').me();
  assert.strictEqual(w.stub.calls[1].token, 'access-1');
});

// ---- renewal by the refresh token ----

test('a session is renewed before it ends, once for all who wait', async (t) => {
  const w = await world(t, { [REFRESH]: refreshAnswer(2), 'GET /v1/me': meFor('access-2') },
    { session: stored(1, 30) });
  const users = await Promise.all(Array.from({ length: 8 }, () => w.request(ME)));
  assert.strictEqual(users.length, 8);
  assert.deepStrictEqual(w.stub.named(REFRESH).map((c) => c.body), [{ refreshToken: 'refresh-1' }]);
  assert.ok(w.stub.named('GET /v1/me').every((c) => c.token === 'access-2'));
  assert.strictEqual(w.session.get().refreshToken, 'refresh-2');
  assert.deepStrictEqual(w.session.get().user, USER);
});

test('a session that lasts is left alone', async (t) => {
  const w = await world(t, { 'GET /v1/me': { body: USER } }, { session: stored(1, 61) });
  await w.request(ME);
  assert.strictEqual(w.stub.calls.length, 1);
});

test('a 401 renews the session once and the request is sent once more', async (t) => {
  const w = await world(t, { [REFRESH]: refreshAnswer(2), 'GET /v1/me': meFor('access-2') },
    { session: stored(1, 3000) });
  const users = await Promise.all(Array.from({ length: 8 }, () => w.request(ME)));
  assert.strictEqual(users.length, 8);
  assert.strictEqual(w.stub.named(REFRESH).length, 1);
  assert.strictEqual(w.stub.named('GET /v1/me').length, 16);
});

test('a 401 of a token that was renewed meanwhile costs no further renewal', async (t) => {
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  const w = await world(t, {
    [REFRESH]: refreshAnswer(2), 'GET /v1/me': meFor('access-2'),
    'GET /v1/sessions': async (call) => {
      if (call.token === 'access-2') return { body: { sessions: [] } };
      await held;
      return UNAUTHORIZED;
    },
  }, { session: stored(1, 3000) });
  const slow = w.api.sessions();
  await w.request(ME);
  release();
  assert.deepStrictEqual(await slow, []);
  assert.strictEqual(w.stub.named(REFRESH).length, 1);
});

test('a code that met a 401 is sent once more, because nothing was done with it', async (t) => {
  const w = await world(t, {
    [REFRESH]: refreshAnswer(2),
    'POST /v1/phone': (call) => (call.token === 'access-2' ? { body: { user: USER } } : UNAUTHORIZED),
  }, { session: stored(1, 3000) });
  assert.deepStrictEqual(await w.api.bindPhone({ code: 'phone-1' }), USER);
  assert.deepStrictEqual(w.stub.named('POST /v1/phone').map((c) => c.body.phoneCode),
    ['phone-1', 'phone-1']);
});

test('a 401 of the fresh token ends in the login page, not in a loop', async (t) => {
  const w = await world(t, { [REFRESH]: refreshAnswer(2), 'GET /v1/me': UNAUTHORIZED },
    { session: stored(1, 3000) });
  await rejects(w.request(ME), 'login_required');
  assert.strictEqual(w.stub.named('GET /v1/me').length, 2);
  assert.strictEqual(w.program.page.route, 'pages/login/login');
  assert.strictEqual(w.wx.getStorageSync('session'), '');
});

test('while a token is still good, a renewal that fails is not felt', async (t) => {
  const busy = problem(503, 'database_unavailable', '系统繁忙', { 'retry-after': '30' });
  const w = await world(t, { [REFRESH]: busy, 'GET /v1/me': meFor('access-1') },
    { session: stored(1, 30) });
  assert.deepStrictEqual(await w.request(ME), USER);
  assert.strictEqual(w.session.get().refreshToken, 'refresh-1');
});

test('an ended token and a busy server: the error is told, the session kept', async (t) => {
  const busy = problem(503, 'database_unavailable', '系统繁忙，请稍后再试');
  const w = await world(t, { [REFRESH]: [busy, refreshAnswer(2)], 'GET /v1/me': meFor('access-2') },
    { session: stored(1, -1) });
  await rejects(w.request(ME), 'database_unavailable');
  assert.deepStrictEqual(await w.request(ME), USER);
  assert.deepStrictEqual(w.stub.named(REFRESH).map((c) => c.body.refreshToken),
    ['refresh-1', 'refresh-1']);
});

// A reused refresh token ends the session on the server.
test('a refresh token whose answer was lost is never sent again', async (t) => {
  const w = await world(t, { [REFRESH]: LOST, [LOGIN]: loginAnswer(3), 'GET /v1/me': meFor('access-3') },
    { session: stored(1, -1) });
  assert.deepStrictEqual(await w.request(ME), USER);
  assert.strictEqual(w.stub.named(REFRESH).length, 1);
  assert.deepStrictEqual(w.stub.named(LOGIN).map((c) => c.body.loginCode), ['login-code-1']);
});

test('nor is one that was on its way when the mini program was closed', async (t) => {
  const w = await world(t, {
    [REFRESH]: () => new Promise(() => {}), [LOGIN]: loginAnswer(3), 'GET /v1/me': meFor('access-3'),
  }, { session: stored(1, -1) });
  w.request(ME).catch(() => {});
  while (w.stub.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await w.again().load('utils/api.js').me();
  assert.strictEqual(w.stub.named(REFRESH).length, 1);
});

// ---- silent login ----

test('a refused refresh token gives way to a silent login, once for all who wait', async (t) => {
  const w = await world(t, {
    [REFRESH]: REFUSED, [LOGIN]: loginAnswer(3), 'GET /v1/me': meFor('access-3'),
  }, { session: stored(1, -1) });
  await Promise.all(Array.from({ length: 4 }, () => w.request(ME)));
  assert.strictEqual(w.stub.named(REFRESH).length, 1);
  assert.deepStrictEqual(w.stub.named(LOGIN).map((c) => c.body),
    [{ loginCode: 'login-code-1', device: `Node ${process.version}` }]);
  assert.strictEqual(w.session.get().refreshToken, 'refresh-3');
});

for (const [isNew, undone] of [[true, 'DELETE /v1/me'], [false, 'POST /v1/logout']]) {
  test(`a silent login as ${isNew ? 'a new' : 'another'} user does not count and is undone`,
    async (t) => {
      const other = { isNew, user: { ...USER, id: 8 } };
      const w = await world(t, {
        [REFRESH]: REFUSED, [LOGIN]: loginAnswer(3, other), [undone]: { body: {} },
      }, { session: stored(1, -1) });
      await rejects(w.request(ME), 'login_required');
      assert.deepStrictEqual(w.stub.named(undone).map((c) => c.token), ['access-3']);
      assert.strictEqual(w.session.get(), null);
      assert.strictEqual(w.program.page.route, 'pages/login/login');
    });
}

test('a silent login that WeChat refuses leads to the login page', async (t) => {
  const w = await world(t, {
    [REFRESH]: REFUSED, [LOGIN]: problem(422, 'code_refused', '授权已失效'),
  }, { session: stored(1, -1) });
  await rejects(w.request(ME), 'login_required');
  assert.strictEqual(w.program.page.route, 'pages/login/login');
});

test('without silent logins a refused refresh token leads to the login page', async (t) => {
  const w = await world(t, { [REFRESH]: REFUSED },
    { session: stored(1, -1), config: { silentLogin: false } });
  await rejects(w.request(ME), 'login_required');
  assert.strictEqual(w.program.page.route, 'pages/login/login');
});

test('without a network the session is kept for later', async (t) => {
  const w = await world(t, { [LOGIN]: loginAnswer(3), 'GET /v1/me': meFor('access-3') },
    { session: stored(1, -1) });
  w.wx.faults.push(() => ({ errMsg: 'request:fail ', errno: 600001 }));
  await rejects(w.request(ME), 'network');
  w.wx.faults.pop();
  assert.deepStrictEqual(await w.request(ME), USER);
});

test('a logout during a renewal stays a logout', async (t) => {
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  const w = await world(t, { [REFRESH]: () => held.then(() => refreshAnswer(2)) },
    { session: stored(1, -1) });
  const waiting = w.request(ME);
  while (w.stub.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  w.session.end();
  release();
  await rejects(waiting, 'login_required');
  assert.strictEqual(w.wx.getStorageSync('session'), '');
});

// ---- lost answers ----

test('a login whose answer was lost is the same request again, same code', async (t) => {
  const w = await world(t, { [LOGIN]: [LOST, LOST, loginAnswer(1)] });
  await w.api.login({ phoneCode: 'phone-1' });
  assert.strictEqual(w.stub.calls.length, 3);
  for (const call of w.stub.calls) assert.deepStrictEqual(call.body, w.stub.calls[0].body);
  assert.deepStrictEqual(w.program.waits, [500, 1500]);
});

test('after the replay window it is not sent again', async (t) => {
  const w = await world(t, { [LOGIN]: LOST }, { config: { replayWindowMs: 400 } });
  await rejects(w.api.login({ phoneCode: 'phone-1' }), 'network');
  assert.strictEqual(w.stub.calls.length, 1);
});

test('nor without end', async (t) => {
  const w = await world(t, { [LOGIN]: LOST });
  await rejects(w.api.login({ phoneCode: 'phone-1' }), 'network');
  assert.strictEqual(w.stub.calls.length, 4);
});

test('a code that was refused is not sent again', async (t) => {
  const w = await world(t, { [LOGIN]: problem(409, 'code_used', '授权已被使用，请重新点击按钮授权') });
  await rejects(w.api.login({ phoneCode: 'phone-1' }), 'code_used');
  assert.strictEqual(w.stub.calls.length, 1);
});

test('a registration that was done unheard is found by a login', async (t) => {
  const used = problem(409, 'ticket_used', '已经注册过了');
  const w = await world(t, { 'POST /v1/register': [LOST, used], [LOGIN]: loginAnswer(1) });
  await w.api.register({ registerTicket: 'T' });
  const [first, second, login] = w.stub.calls;
  assert.deepStrictEqual(first.body, second.body);
  assert.deepStrictEqual([first.body.loginCode, login.body.loginCode],
    ['login-code-1', 'login-code-2']);
});

test('a ticket that was used before is an error', async (t) => {
  const w = await world(t, { 'POST /v1/register': problem(409, 'ticket_used', '已经注册过了') });
  await rejects(w.api.register({ registerTicket: 'T' }), 'ticket_used');
  assert.strictEqual(w.stub.calls.length, 1);
});

for (const bound of [true, false]) {
  test(`the lost answer to a phone code is not asked for again: ${bound ? 'bound' : 'not bound'}`,
    async (t) => {
      const before = { ...USER, phoneNumber: '' };
      const w = await world(t, {
        'POST /v1/phone': LOST, 'GET /v1/me': { body: bound ? USER : before },
      }, { session: stored(1, 3000, before) });
      const result = w.api.bindPhone({ code: 'phone-1' });
      if (bound) assert.deepStrictEqual(await result, USER);
      else await rejects(result, 'network');
      assert.strictEqual(w.stub.named('POST /v1/phone').length, 1);
    });
}

test('reading is repeated, changing without a promise of the server is not', async (t) => {
  const w = await world(t, { 'GET /v1/me': [LOST, { body: USER }], 'DELETE /v1/me': LOST },
    { session: stored(1, 3000) });
  assert.deepStrictEqual(await w.request(ME), USER);
  await rejects(w.api.deleteAccount(), 'network');
  assert.strictEqual(w.stub.named('DELETE /v1/me').length, 1);
});

// ---- the server's word ----

test('a short Retry-After is waited for, once', async (t) => {
  const busy = problem(503, 'overloaded', '系统繁忙', { 'Retry-After': '2' });
  const w = await world(t, { [LOGIN]: [busy, loginAnswer(1)] });
  await w.api.login({ loginCode: 'a' });
  assert.deepStrictEqual(w.program.waits, [2000]);
  const still = await world(t, { [LOGIN]: busy });
  await rejects(still.api.login({ loginCode: 'a' }), 'overloaded');
  assert.strictEqual(still.stub.calls.length, 2);
});

test('a long Retry-After is told to the user, and until then nothing is sent there', async (t) => {
  const slow = problem(429, 'too_many_requests', '操作过于频繁，请一分钟后再试', { 'Retry-After': '60' });
  const w = await world(t, { [LOGIN]: slow, 'GET /v1/me': { body: USER } },
    { session: stored(1, 3000) });
  await rejects(w.api.login({ loginCode: 'a' }), 'too_many_requests');
  await assert.rejects(w.api.login({ loginCode: 'b' }), (error) => error.code === 'too_many_requests'
    && error.message === '操作过于频繁，请 60 秒后再试');
  assert.strictEqual(w.stub.named(LOGIN).length, 1);
  assert.deepStrictEqual(await w.request(ME), USER);
});

test("an error's message is the problem's detail, with what else it says", async (t) => {
  const w = await world(t, { [LOGIN]: problem(422, 'code_refused', '授权已失效，请重新点击按钮授权') });
  await assert.rejects(w.api.login({ loginCode: 'a' }), (error) => {
    assert.strictEqual(error.message, '授权已失效，请重新点击按钮授权');
    assert.deepStrictEqual([error.status, error.requestId], [422, 'r1']);
    return true;
  });
});

test('an error page of a proxy has a message of our own', async (t) => {
  const page = { status: 502, headers: { 'content-type': 'text/html' }, body: '<html>502</html>' };
  const w = await world(t, { [LOGIN]: page });
  await assert.rejects(w.api.login({ loginCode: 'a' }), (error) => error.code === 'http_502'
    && error.message === '服务繁忙，请稍后重试');
});

test('a server that is silent is a time-out', async (t) => {
  const w = await world(t, { 'GET /v1/me': () => new Promise(() => {}) },
    { session: stored(1, 3000), config: { timeoutMs: 100, replayWindowMs: 0 } });
  await assert.rejects(w.request(ME), (error) => error.code === 'timeout'
    && error.message === '网络超时，请稍后重试');
});

test('what is not promised to be repeatable is not repeated after a time-out', async (t) => {
  const w = await world(t, { 'POST /v1/logout': () => new Promise(() => {}) },
    { session: stored(1, 3000), config: { timeoutMs: 100 } });
  await w.api.logout(false);
  assert.strictEqual(w.stub.calls.length, 1);
  assert.strictEqual(w.session.get(), null);
});

test('a storage that is full does not stop anything', async (t) => {
  const w = await world(t, { [LOGIN]: loginAnswer(1), 'GET /v1/me': { body: USER } });
  w.wx.setStorageSync = () => { throw new Error('exceed storage max size'); };
  await w.api.login({ loginCode: 'a' });
  assert.deepStrictEqual(await w.request(ME), USER);
});
