'use strict';
// The example mini program against the real service, WeChat played by wxsim. Run by
// tests/e2e/test_miniprogram.py, which starts them and says where they are.
const assert = require('node:assert');
const http = require('node:http');
const test = require('node:test');

const { FakeWx, phoneDetail } = require('./fake_wx');
const { MiniProgram } = require('./loader');
const { ROOT } = require('./stub');

const { LOGINSVC_URL, WXSIM_URL, APPID } = process.env;
const PHONE_PATH = '/wxa/business/getuserphonenumber';

// ---- WeChat and its users ----

function sim(method, name, fields) {
  return new Promise((resolve, reject) => {
    const sent = http.request(`${WXSIM_URL}/_sim/${name}`, { method, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => { text += chunk; });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${name}: ${response.statusCode} ${text}`));
      });
    });
    sent.on('error', reject);
    sent.end(fields && JSON.stringify(fields));
  });
}

const order = (name, fields) => sim('POST', name, { appid: APPID, ...fields });
const phoneCode = async (phone) => (await order('phone-code', { phone })).code;

async function exchanges() {
  const of = (await sim('GET', 'stats')).calls[PHONE_PATH] || {};
  return Object.values(of).reduce((sum, n) => sum + n, 0);
}

let people = 0;

function newPerson() {
  people += 1;
  const run = `${process.pid}${Date.now()}`.slice(-8);
  const openid = `oPerson${run}${people}`;
  return {
    appid: APPID,
    openid,
    phone: `13${String(process.pid % 10)}${run}`.slice(0, 9) + String(10 + people),
    login: async () => (await order('login-code', { openid })).code,
  };
}

// One phone of this person with the mini program running on it.
function phoneOf(person, config) {
  const wx = new FakeWx(person);
  const program = new MiniProgram(ROOT, wx,
    { baseUrl: LOGINSVC_URL, avatarUploadUrl: '', ...config });
  return {
    wx, program, person,
    session: program.load('utils/session.js'),
    api: program.load('utils/api.js'),
    get route() { return program.page.route; },
    get shown() { return program.page.data; },
    said: () => [...wx.seen.toasts, ...wx.seen.modals],
  };
}

async function atLogin(person, config) {
  const p = phoneOf(person, config);
  p.program.reLaunch('pages/home/home');
  assert.strictEqual(p.route, 'pages/login/login');
  p.program.page.onAgree({ detail: { value: ['agreed'] } });
  return p;
}

async function tapPhone(p, code) {
  const detail = phoneDetail.ok(code || (await phoneCode(p.person.phone)));
  await p.program.page.onPhone({ detail });
  await p.program.settled();
}

async function byWechat(person, config) {
  const p = await atLogin(person, config);
  await p.program.page.onWechatLogin();
  await p.program.settled();
  assert.strictEqual(p.route, 'pages/home/home', p.said().join());
  return p;
}

const form = (nickname) => ({ detail: { value: { nickname } } });

async function registered(person, nickname = '小明') {
  const p = await atLogin(person);
  await tapPhone(p);
  assert.strictEqual(p.route, 'pages/register/register', p.said().join());
  await p.program.page.onSubmit(form(nickname));
  await p.program.settled();
  assert.strictEqual(p.route, 'pages/home/home', p.said().join());
  return p;
}

// ---- logging in ----

test('somebody new registers by phone and is at home', async () => {
  const person = newPerson();
  const p = await atLogin(person);
  await tapPhone(p);
  assert.strictEqual(p.route, 'pages/register/register', p.said().join());
  assert.strictEqual(p.shown.phoneNumber, person.phone);
  await p.program.page.onSubmit(form('小明'));
  await p.program.settled();
  assert.strictEqual(p.route, 'pages/home/home', p.said().join());
  assert.strictEqual(p.shown.user.phoneNumber, person.phone);
  assert.strictEqual(p.shown.user.nickname, '小明');
  assert.deepStrictEqual(p.shown.sessions.map((s) => [s.current, s.device]),
    [[true, `Node ${process.version}`]]);
  assert.deepStrictEqual(p.said(), []);
});

test('a second phone of the same person is the same user, with a session of its own', async () => {
  const person = newPerson();
  const first = await registered(person);
  const second = await atLogin(person);
  await tapPhone(second);
  assert.strictEqual(second.route, 'pages/home/home', second.said().join());
  assert.strictEqual(second.shown.user.id, first.shown.user.id);
  assert.strictEqual(second.shown.sessions.length, 2);
});

test('a ticket registers once', async () => {
  const p = await atLogin(newPerson());
  await tapPhone(p);
  const register = p.program.page;
  const { registerTicket } = register;
  await register.onSubmit(form('小明'));
  await assert.rejects(p.api.register({ registerTicket }), (e) => e.status === 409 && e.code === "ticket_used");
});

test('a code that WeChat refuses is told in Chinese, and the next tap works', async () => {
  const p = await atLogin(newPerson());
  await tapPhone(p, 'f'.repeat(64));
  assert.strictEqual(p.route, 'pages/login/login');
  assert.match(p.said().join(), /重新/);
  await tapPhone(p);
  assert.strictEqual(p.route, 'pages/register/register');
});

test('a login whose answer was lost is repeated with the same code, which is spent once', async () => {
  const p = await registered(newPerson());
  await p.program.page.onLogout();
  p.program.page.onAgree({ detail: { value: ['agreed'] } });
  const before = await exchanges();
  let losses = 2;
  p.wx.faults.push((o) => o.url.endsWith('/v1/login') && losses-- > 0
    && { errMsg: 'request:fail ', errno: 600001, afterwards: true });
  await tapPhone(p);
  assert.strictEqual(p.route, 'pages/home/home', p.said().join());
  assert.strictEqual(p.wx.seen.requests.filter((r) => r === 'POST /v1/login').length, 4);
  assert.strictEqual(await exchanges(), before + 1);
  assert.strictEqual(p.shown.sessions.length, 1);
});

// ---- the session ----

test('a refused access token is renewed by the refresh token, once for all', async () => {
  const p = await registered(newPerson());
  p.session.start({ ...p.session.get(), accessToken: 'not.a.token' });
  p.wx.seen.requests.length = 0;
  const users = await Promise.all(Array.from({ length: 6 }, () => p.api.me()));
  assert.ok(users.every((user) => user.id === p.shown.user.id));
  const renewals = p.wx.seen.requests.filter((r) => r === 'POST /v1/token/refresh');
  assert.strictEqual(renewals.length, 1);
});

test('a session near its end is renewed before it is used', async () => {
  const p = await registered(newPerson());
  const old = p.session.get();
  p.session.start({ ...old, expiresAt: Date.now() + 100 });
  await p.api.me();
  assert.notStrictEqual(p.session.get().refreshToken, old.refreshToken);
  assert.strictEqual(p.shown.sessions.length, 1);
});

test('a refused refresh token gives way to a silent login of the same user', async () => {
  const p = await registered(newPerson());
  const { user } = p.session.get();
  p.session.start({ ...p.session.get(), accessToken: 'not.a.token', refreshToken: 'nonsense' });
  assert.strictEqual((await p.api.me()).id, user.id);
  assert.ok(p.wx.seen.requests.includes('POST /v1/login'));
});

test('a lost answer to a refresh does not end the session', async () => {
  const p = await registered(newPerson());
  p.session.start({ ...p.session.get(), accessToken: 'not.a.token' });
  let losses = 1;
  p.wx.faults.push((o) => o.url.endsWith('/v1/token/refresh') && losses-- > 0
    && { errMsg: 'request:fail ', errno: 600001, afterwards: true });
  assert.strictEqual((await p.api.me()).nickname, '小明');
  assert.strictEqual(p.route, 'pages/home/home');
});

test('a silent login with a WeChat of another user does not count', async () => {
  const owner = newPerson();
  await registered(owner);
  const p = await atLogin({ ...newPerson(), phone: owner.phone });
  await tapPhone(p);
  assert.strictEqual(p.route, 'pages/home/home', p.said().join());
  p.session.start({ ...p.session.get(), accessToken: 'not.a.token', refreshToken: 'nonsense' });
  await assert.rejects(p.api.me(), (e) => e.code === 'login_required');
  assert.strictEqual(p.route, 'pages/login/login');
});

test('another phone can be logged out, and everywhere at once', async () => {
  const person = newPerson();
  const here = await registered(person);
  const there = await byWechat(person, { silentLogin: false });
  here.program.reLaunch('pages/home/home');
  await here.program.settled();
  const other = here.shown.sessions.find((s) => !s.current);
  await here.program.page.onEndSession({ currentTarget: { dataset: { id: other.id } } });
  assert.strictEqual(here.shown.sessions.length, 1);
  await assert.rejects(there.api.me(), (e) => e.code === 'login_required');
  assert.strictEqual(there.route, 'pages/login/login');

  const again = await byWechat(person, { silentLogin: false });
  await here.program.page.onLogoutAll();
  assert.strictEqual(here.route, 'pages/login/login', here.said().join());
  await assert.rejects(again.api.me(), (e) => e.code === 'login_required');
});

test('a logout ends the tokens on the server', async () => {
  const p = await registered(newPerson());
  const old = p.session.get();
  await p.program.page.onLogout();
  assert.strictEqual(p.route, 'pages/login/login');
  const thief = phoneOf(newPerson(), { silentLogin: false });
  thief.session.start(old);
  await assert.rejects(thief.api.me(), (e) => e.code === 'login_required');
});

// ---- the profile and the phone ----

test('the nickname is changed and stays changed', async () => {
  const p = await registered(newPerson());
  p.program.page.onEdit();
  await p.program.page.onSave(form('小红'));
  assert.deepStrictEqual(p.said(), []);
  assert.strictEqual(p.shown.user.nickname, '小红');
  assert.strictEqual((await p.api.me()).nickname, '小红');
});

async function bound(p, detail) {
  p.program.page.onAskPhone();
  const popup = p.program.component('components/phone-popup/phone-popup.js', { show: true });
  await popup.onPhone({ detail });
  assert.deepStrictEqual(popup.events.map((e) => e.name), ['done'], p.said().join());
  p.program.page.onPhoneBound(popup.events[0]);
  return p.shown.user.phoneNumber;
}

test('the popup binds a phone by code', async () => {
  const person = newPerson();
  const p = await byWechat(person);
  assert.strictEqual(p.shown.user.phoneNumber, '');
  assert.strictEqual(await bound(p, phoneDetail.ok(await phoneCode(person.phone))), person.phone);
  assert.strictEqual((await p.api.me()).phoneNumber, person.phone);
});

test('the popup binds a phone by what an old WeChat gives', async () => {
  const person = newPerson();
  const p = await byWechat(person);
  const data = await order('encrypted-phone', { openid: person.openid, phone: person.phone });
  assert.strictEqual(await bound(p, phoneDetail.encrypted(data)), person.phone);
});

test('after a deletion nobody has the phone any more', async () => {
  const person = newPerson();
  const p = await registered(person);
  await p.program.page.onDelete();
  assert.strictEqual(p.route, 'pages/login/login', p.said().join());
  p.program.page.onAgree({ detail: { value: ['agreed'] } });
  await tapPhone(p);
  assert.strictEqual(p.route, 'pages/register/register', p.said().join());
});
