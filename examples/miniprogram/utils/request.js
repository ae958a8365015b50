// 带会话的请求：自动加 Bearer，到期之前和 401 之后自动续期，续期时只有一个请求在路上，
// 其余的等它。续期先用 refreshToken；它不能用了就静默登录（wx.login，见 config.silentLogin）；
// 还不行，用户须重新登录。
const config = require('../config');
const ApiError = require('./error');
const http = require('./http');
const session = require('./session');
const wechat = require('./wechat');

const EARLY_MS = 60000; // 到期之前多久续期，至多有效期的十分之一

let renewing = null;

function loginRequired() {
  if (session.get()) session.lose();
  return new ApiError('login_required', '登录已失效，请重新登录', { status: 401 });
}

// refreshToken 每次都换新的，用过的再用会结束整个会话。所以它一发出去就从存储里拿掉：
// 应答丢了，或小程序在此刻被关掉，都不会再用它。
async function byRefreshToken(old, generation) {
  if (!old.refreshToken) return null;
  const askedAt = Date.now();
  session.renew(generation, Object.assign({}, old, { refreshToken: '' }));
  try {
    const answer = await http.exchange({
      method: 'POST',
      path: '/v1/token/refresh',
      data: { refreshToken: old.refreshToken },
    });
    return session.fromAnswer(answer, askedAt, old.user);
  } catch (error) {
    const notDone = error.status === 429 || error.status === 503;
    if (!notDone) return null;
    session.renew(generation, old);
    throw error;
  }
}

// 静默登录认的是微信号。它若不是这个用户的（用别人的微信、以手机号登录的），就不能算数。
async function undo(answer) {
  const options = answer.isNew
    ? { method: 'DELETE', path: '/v1/me' } // 刚刚因此才有的用户
    : { method: 'POST', path: '/v1/logout', data: {} };
  try {
    await http.exchange(options, answer.accessToken);
  } catch (error) {
    console.warn('undo of a silent login', error.code);
  }
}

async function bySilentLogin(old) {
  if (!config.silentLogin) throw loginRequired();
  const loginCode = await wechat.login();
  const askedAt = Date.now();
  let answer;
  try {
    answer = await http.exchange({
      method: 'POST',
      path: '/v1/login',
      data: { loginCode, device: wechat.device() },
      repeatable: true,
    });
  } catch (error) {
    const refused = error.status >= 400 && error.status < 500 && error.status !== 429;
    throw refused ? loginRequired() : error;
  }
  if (answer.user.id === old.user.id) return session.fromAnswer(answer, askedAt);
  await undo(answer);
  throw loginRequired();
}

async function renewNow() {
  const old = session.get();
  const generation = session.generation();
  if (!old) throw loginRequired();
  const fresh = (await byRefreshToken(old, generation)) || (await bySilentLogin(old));
  if (!session.renew(generation, fresh)) throw loginRequired(); // 其间退出了
  return fresh;
}

function renew() {
  if (!renewing) {
    renewing = renewNow();
    const done = () => {
      renewing = null;
    };
    renewing.then(done, done);
  }
  return renewing;
}

// 换一个由微信登录得来的会话，为的是服务端有新的 session_key。
function relogin() {
  const now = session.get();
  if (now) session.renew(session.generation(), Object.assign({}, now, { refreshToken: '' }));
  return renew();
}

async function usableToken() {
  const now = session.get();
  if (!now) throw loginRequired();
  const leftMs = now.expiresAt - Date.now();
  if (leftMs > Math.min(EARLY_MS, now.lifetimeMs / 10)) return now.accessToken;
  try {
    return (await renew()).accessToken;
  } catch (error) {
    if (error.code === 'login_required' || now.expiresAt <= Date.now()) throw error;
    return now.accessToken; // 还没有到期，下次再续
  }
}

// 401 = 服务端没有做这件事，所以换了令牌可以重发一次，带着一次性 code 的也可以。
async function request(options) {
  const used = await usableToken();
  try {
    return await http.exchange(options, used);
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  const now = session.get();
  const fresh = now && now.accessToken !== used ? now : await renew();
  try {
    return await http.exchange(options, fresh.accessToken);
  } catch (error) {
    throw error.status === 401 ? loginRequired() : error;
  }
}

module.exports = { request, relogin };
