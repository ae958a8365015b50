'use strict';
// What the person sees and taps: pages and the phone popup, against a scripted server.
const assert = require('node:assert');
const test = require('node:test');

const { phoneDetail } = require('./fake_wx');
const { LOST, USER, loginAnswer, problem, stored, world } = require('./stub');

const LOGIN = 'POST /v1/login';
const SESSIONS = [
  { id: 's1', device: 'Node', createdAt: 1, lastUsedAt: 1700000000000, expiresAt: 2, current: true },
  { id: 's2', device: '', createdAt: 1, lastUsedAt: 1700000000000, expiresAt: 2, current: false },
];
const HOME = { 'GET /v1/me': { body: USER }, 'GET /v1/sessions': { body: { sessions: SESSIONS } } };
const NOT_REGISTERED = problem(404, 'not_registered', '没有注册');
Object.assign(NOT_REGISTERED.body, { phoneNumber: '13800138000', registerTicket: 'TICKET' });

// At the login page, the agreement accepted.
async function atLogin(t, routes, options) {
  const w = await world(t, { ...HOME, ...routes }, options);
  w.login = w.program.reLaunch('pages/login/login');
  w.login.onAgree({ detail: { value: ['agreed'] } });
  return w;
}

async function atHome(t, routes, options) {
  const w = await world(t, { ...HOME, ...routes }, { session: stored(1, 3000), ...options });
  w.home = w.program.reLaunch('pages/home/home');
  await w.program.settled();
  return w;
}

const tap = (detail) => ({ detail });
const route = (w) => w.program.page.route;

// ---- login ----

test('the home page without a session leads to the login page', async (t) => {
  const w = await world(t, {});
  w.program.reLaunch('pages/home/home');
  assert.strictEqual(route(w), 'pages/login/login');
  assert.strictEqual(w.stub.calls.length, 0);
});

test('a login by phone leads home', async (t) => {
  const w = await atLogin(t, { [LOGIN]: loginAnswer(1) });
  await w.login.onPhone(tap(phoneDetail.ok('phone-1')));
  await w.program.settled();
  assert.strictEqual(w.stub.named(LOGIN)[0].body.phoneCode, 'phone-1');
  assert.strictEqual(route(w), 'pages/home/home');
  assert.strictEqual(w.program.page.data.user.nickname, '小明');
  assert.strictEqual(w.wx.seen.loading, 0);
});

test('a login by WeChat leads home', async (t) => {
  const w = await atLogin(t, { [LOGIN]: loginAnswer(1) });
  await w.login.onWechatLogin();
  assert.strictEqual(w.stub.named(LOGIN)[0].body.loginCode, 'login-code-1');
  assert.strictEqual(route(w), 'pages/home/home');
});

test('nothing is sent before the agreement', async (t) => {
  const w = await atLogin(t, {});
  w.login.onAgree({ detail: { value: [] } });
  await w.login.onWechatLogin();
  w.login.onNotAgreed();
  assert.strictEqual(w.stub.calls.length, 0);
  assert.deepStrictEqual(w.wx.seen.toasts, ['请先阅读并同意用户协议', '请先阅读并同意用户协议']);
});

for (const [what, detail, text] of [
  ['a person who denies', phoneDetail.denied(), '您取消了授权，需要时可以再次点击按钮'],
  ['no quota', phoneDetail.noQuota(), '手机号验证次数已用完，请改用其他方式登录或联系客服'],
  ['no network', phoneDetail.noNetwork(), '获取手机号失败，请检查网络后重试'],
]) {
  test(`${what}: told, nothing sent, the page is ready again`, async (t) => {
    const w = await atLogin(t, {});
    await w.login.onPhone(tap(detail));
    assert.deepStrictEqual([...w.wx.seen.toasts, ...w.wx.seen.modals], [text]);
    assert.strictEqual(w.stub.calls.length, 0);
    assert.strictEqual(w.login.data.busy, false);
  });
}

test('a failed login says what the server says; the next tap brings a new code', async (t) => {
  const used = problem(409, 'code_used', '授权已被使用，请重新点击按钮授权');
  const w = await atLogin(t, { [LOGIN]: [used, loginAnswer(1)] });
  await w.login.onPhone(tap(phoneDetail.ok('phone-1')));
  assert.deepStrictEqual(w.wx.seen.toasts, ['授权已被使用，请重新点击按钮授权']);
  assert.strictEqual(route(w), 'pages/login/login');
  await w.login.onPhone(tap(phoneDetail.ok('phone-2')));
  assert.deepStrictEqual(w.stub.named(LOGIN).map((c) => c.body.phoneCode), ['phone-1', 'phone-2']);
  assert.strictEqual(route(w), 'pages/home/home');
});

test('a long message is a dialog, because a toast would cut it', async (t) => {
  const text = '该微信账号存在安全风险，暂时无法登录，请在微信中按提示解除限制或联系客服';
  const w = await atLogin(t, { [LOGIN]: problem(422, 'code_refused', text) });
  await w.login.onPhone(tap(phoneDetail.ok('phone-1')));
  assert.deepStrictEqual(w.wx.seen.modals, [text]);
});

test('a second tap while the first is on its way does nothing', async (t) => {
  const w = await atLogin(t, { [LOGIN]: loginAnswer(1) });
  await Promise.all([w.login.onWechatLogin(), w.login.onWechatLogin()]);
  assert.strictEqual(w.stub.named(LOGIN).length, 1);
});

test('a login whose answer was lost twice succeeds unnoticed', async (t) => {
  const w = await atLogin(t, { [LOGIN]: [LOST, LOST, loginAnswer(1)] });
  await w.login.onPhone(tap(phoneDetail.ok('phone-1')));
  assert.strictEqual(route(w), 'pages/home/home');
  assert.deepStrictEqual(w.wx.seen.toasts, []);
});

test('a failed wx.login is told', async (t) => {
  const person = { login: () => { throw new Error('no network'); } };
  const w = await atLogin(t, {}, { person });
  await w.login.onWechatLogin();
  assert.deepStrictEqual(w.wx.seen.toasts, ['微信登录失败，请检查网络后重试']);
});

// ---- registration ----

async function atRegister(t, routes, options) {
  const w = await atLogin(t, { [LOGIN]: NOT_REGISTERED, ...routes }, options);
  await w.login.onPhone(tap(phoneDetail.ok('phone-1')));
  await w.program.settled();
  w.register = w.program.page;
  return w;
}

const form = (nickname) => ({ detail: { value: { nickname } } });

test('an unknown phone leads to the registration, which shows it', async (t) => {
  const w = await atRegister(t, {});
  assert.strictEqual(route(w), 'pages/register/register');
  assert.strictEqual(w.register.data.phoneNumber, '13800138000');
  assert.ok(!JSON.stringify(w.register.data).includes('TICKET'));
  assert.deepStrictEqual(w.wx.seen.toasts, []);
});

test('the registration takes the ticket, a login code and the nickname, and leads home', async (t) => {
  const w = await atRegister(t, { 'POST /v1/register': loginAnswer(1, { isNew: true }) });
  await w.register.onSubmit(form(' 小明 '));
  assert.deepStrictEqual(w.stub.named('POST /v1/register')[0].body, {
    device: `Node ${process.version}`, loginCode: 'login-code-1', registerTicket: 'TICKET',
    nickname: '小明',
  });
  assert.strictEqual(route(w), 'pages/home/home');
});

test('an avatar is uploaded first, its address registered', async (t) => {
  const w = await atRegister(t, { 'POST /v1/register': loginAnswer(1) });
  w.register.onAvatar({ detail: { avatarUrl: 'wxfile://tmp_1.jpg' } });
  const files = await world(t, {});
  files.stub.take = (request, response) => {
    request.resume();
    files.stub.reply(response, { body: { url: 'https://files.example/1.jpg' } });
  };
  w.program.load('config.js').avatarUploadUrl = files.stub.url;
  await w.register.onSubmit(form(''));
  assert.strictEqual(w.stub.named('POST /v1/register')[0].body.avatar, 'https://files.example/1.jpg');
});

for (const [status, code] of [[422, 'invalid_ticket'], [409, 'ticket_used']]) {
  test(`${code}: told, and back to the login`, async (t) => {
    const w = await atRegister(t, { 'POST /v1/register': problem(status, code, '请重新登录') });
    await w.register.onSubmit(form('小明'));
    assert.deepStrictEqual(w.wx.seen.toasts, ['请重新登录']);
    assert.strictEqual(route(w), 'pages/login/login');
  });
}

test('a registration that failed otherwise may be tried again', async (t) => {
  const busy = problem(503, 'database_unavailable', '系统繁忙，请稍后再试');
  const w = await atRegister(t, { 'POST /v1/register': [busy, loginAnswer(1)] });
  await w.register.onSubmit(form('小明'));
  assert.strictEqual(route(w), 'pages/register/register');
  await w.register.onSubmit(form('小明'));
  assert.strictEqual(route(w), 'pages/home/home');
});

// ---- home ----

test('the home page shows the stored profile at once, then the new one and the sessions', async (t) => {
  const w = await world(t, HOME, { session: stored(1, 3000, { ...USER, nickname: '旧名' }) });
  const home = w.program.reLaunch('pages/home/home');
  assert.strictEqual(home.data.user.nickname, '旧名');
  await w.program.settled();
  assert.strictEqual(home.data.user.nickname, '小明');
  assert.deepStrictEqual(home.data.sessions.map((s) => s.id), ['s1', 's2']);
  assert.match(home.data.sessions[0].lastUsedText, /^2023-11-1[45] \d\d:\d\d$/);
});

test('a nickname is changed', async (t) => {
  const changed = { ...USER, nickname: '小红' };
  const w = await atHome(t, { 'PUT /v1/me': { body: changed } });
  w.home.onEdit();
  await w.home.onSave(form(' 小红 '));
  assert.deepStrictEqual(w.stub.named('PUT /v1/me')[0].body, { nickname: '小红', avatar: '' });
  assert.strictEqual(w.home.data.user.nickname, '小红');
  assert.strictEqual(w.home.data.editing, false);
  assert.strictEqual(w.session.get().user.nickname, '小红');
});

for (const answer of [{}, problem(404, 'not_found', '没有找到')]) {
  test(`another device is logged out: ${answer.status || 204}`, async (t) => {
    const w = await atHome(t, { 'DELETE /v1/sessions/s2': answer });
    await w.home.onEndSession({ currentTarget: { dataset: { id: 's2' } } });
    assert.deepStrictEqual(w.home.data.sessions.map((s) => s.id), ['s1']);
  });
}

test('a logout ends the session, also without a network', async (t) => {
  const w = await atHome(t, { 'POST /v1/logout': { body: { ended: 1 } } });
  await w.home.onLogout();
  assert.deepStrictEqual(w.stub.named('POST /v1/logout').map((c) => c.body), [{ all: false }]);
  assert.strictEqual(w.session.get(), null);
  assert.strictEqual(route(w), 'pages/login/login');
  const off = await atHome(t, {});
  off.wx.faults.push(() => ({ errMsg: 'request:fail ', errno: 600001 }));
  await off.home.onLogout();
  assert.strictEqual(off.session.get(), null);
  assert.strictEqual(route(off), 'pages/login/login');
});

test('a logout everywhere must be known to have happened', async (t) => {
  const w = await atHome(t, { 'POST /v1/logout': { body: { ended: 2 } } });
  w.wx.faults.push(() => ({ errMsg: 'request:fail ', errno: 600001 }));
  await w.home.onLogoutAll();
  assert.deepStrictEqual(w.wx.seen.toasts, ['网络不可用，请检查网络后重试']);
  assert.strictEqual(route(w), 'pages/home/home');
  w.wx.faults.pop();
  await w.home.onLogoutAll();
  assert.deepStrictEqual(w.stub.named('POST /v1/logout').map((c) => c.body), [{ all: true }]);
  assert.strictEqual(route(w), 'pages/login/login');
});

test('an account is deleted after a yes, and not after a no', async (t) => {
  const w = await atHome(t, { 'DELETE /v1/me': {} });
  w.person.confirms = false;
  await w.home.onDelete();
  assert.strictEqual(w.stub.named('DELETE /v1/me').length, 0);
  w.person.confirms = true;
  await w.home.onDelete();
  assert.strictEqual(w.stub.named('DELETE /v1/me').length, 1);
  assert.strictEqual(w.wx.getStorageSync('session'), '');
  assert.strictEqual(route(w), 'pages/login/login');
});

test('a session that was ended elsewhere leads to the login page, with a word', async (t) => {
  const w = await atHome(t, {
    'PUT /v1/me': problem(401, 'invalid_token', 'Token 无效或已过期'),
    'POST /v1/token/refresh': problem(401, 'invalid_refresh_token', '登录已过期'),
    [LOGIN]: problem(422, 'code_refused', '授权已失效'),
  });
  await w.home.onSave(form('小红'));
  assert.strictEqual(route(w), 'pages/login/login');
  assert.deepStrictEqual(w.wx.seen.toasts, ['登录已失效，请重新登录']);
});

// ---- the phone popup ----

async function withPopup(t, routes) {
  const w = await atHome(t, routes);
  w.popup = w.program.component('components/phone-popup/phone-popup.js', { show: true });
  return w;
}

test('the popup binds the number, and the page shows it', async (t) => {
  const bound = { ...USER, phoneNumber: '13900139000' };
  const w = await withPopup(t, { 'POST /v1/phone': { body: { phoneNumber: '13900139000', user: bound } } });
  w.home.onAskPhone();
  await w.popup.onPhone(tap(phoneDetail.ok('phone-1')));
  assert.deepStrictEqual(w.popup.events, [{ name: 'done', detail: { user: bound } }]);
  w.home.onPhoneBound(w.popup.events[0]);
  assert.strictEqual(w.home.data.user.phoneNumber, '13900139000');
  assert.strictEqual(w.home.data.askingPhone, false);
  assert.strictEqual(w.session.get().user.phoneNumber, '13900139000');
});

test('the popup stays after a denial and goes when told to', async (t) => {
  const w = await withPopup(t, {});
  await w.popup.onPhone(tap(phoneDetail.denied()));
  assert.deepStrictEqual(w.popup.events, []);
  w.popup.onClose();
  assert.deepStrictEqual(w.popup.events.map((e) => e.name), ['close']);
});

test('an old WeChat gives encrypted data, which the server opens', async (t) => {
  const w = await withPopup(t, { 'POST /v1/phone/decrypt': { body: { user: USER } } });
  await w.popup.onPhone(tap(phoneDetail.encrypted({ encryptedData: 'ZGF0YQ==', iv: 'aXY=' })));
  assert.deepStrictEqual(w.stub.named('POST /v1/phone/decrypt')[0].body,
    { encryptedData: 'ZGF0YQ==', iv: 'aXY=' });
  assert.strictEqual(w.popup.events[0].name, 'done');
});

test('without a session_key there is a login, and another tap is asked for', async (t) => {
  const none = problem(409, 'no_session_key', '请重新登录');
  const w = await withPopup(t, {
    'POST /v1/phone/decrypt': [none, { body: { user: USER } }], [LOGIN]: loginAnswer(2),
  });
  const detail = tap(phoneDetail.encrypted({ encryptedData: 'ZGF0YQ==', iv: 'aXY=' }));
  await w.popup.onPhone(detail);
  assert.deepStrictEqual(w.wx.seen.toasts, ['请再点一次按钮']);
  assert.strictEqual(w.stub.named('POST /v1/token/refresh').length, 0);
  await w.popup.onPhone(detail);
  assert.strictEqual(w.stub.named('POST /v1/phone/decrypt')[1].token, 'access-2');
  assert.strictEqual(w.popup.events[0].name, 'done');
});
