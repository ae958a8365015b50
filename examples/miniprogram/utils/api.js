// loginsvc 的原生接口，一个函数一个接口。失败都是 ApiError。
const ApiError = require('./error');
const http = require('./http');
const { request, relogin } = require('./request');
const session = require('./session');
const wechat = require('./wechat');

async function startSession(path, data) {
  const askedAt = Date.now();
  const answer = await http.exchange({
    method: 'POST',
    path,
    data: Object.assign({ device: wechat.device() }, data),
    repeatable: true,
  });
  session.start(session.fromAnswer(answer, askedAt));
  return answer;
}

// codes：{loginCode}、{phoneCode} 或两者。只有 phoneCode 而号码没有注册过时，错误的 code 是
// not_registered，problem 里有 phoneNumber 和 registerTicket。
function login(codes) {
  return startSession('/v1/login', codes);
}

// 应答丢失之后，重发的注册可能得到 409（票据用过了）：那就是前一次成了，以微信号登录即可。
async function register(fields) {
  const loginCode = await wechat.login();
  try {
    return await startSession('/v1/register', Object.assign({ loginCode }, fields));
  } catch (error) {
    if (error.status !== 409 || error.lostBefore === 0) throw error;
    return login({ loginCode: await wechat.login() });
  }
}

async function keepUser(answer) {
  const user = await answer;
  session.setUser(user);
  return user;
}

function me() {
  return keepUser(request({ path: '/v1/me', repeatable: true }));
}

// wx.request 没有 PATCH。PUT 给出全部可改的字段，所以也可以重发。
function saveProfile(profile) {
  const { nickname, avatar } = profile;
  return keepUser(
    request({ method: 'PUT', path: '/v1/me', data: { nickname, avatar }, repeatable: true }),
  );
}

// 应答丢失后 code 也许用掉了，不重发，看看绑上了没有。
async function bindByCode(phoneCode) {
  const before = session.get() && session.get().user.phoneNumber;
  try {
    return (await request({ method: 'POST', path: '/v1/phone', data: { phoneCode } })).user;
  } catch (error) {
    if (!error.noAnswer) throw error;
    const user = await me();
    if (user.phoneNumber && user.phoneNumber !== before) return user;
    throw error;
  }
}

// 旧的方式要靠服务端存着的 session_key：没有或已经换了，就登录一次，请用户再点。
async function bindEncrypted(data) {
  try {
    return (await request({ method: 'POST', path: '/v1/phone/decrypt', data })).user;
  } catch (error) {
    if (error.code !== 'no_session_key' && error.code !== 'decrypt_failed') throw error;
    await relogin();
    throw new ApiError('tap_again', '请再点一次按钮');
  }
}

// phone：wechat.phoneOf 给出的。
function bindPhone(phone) {
  return keepUser(phone.code ? bindByCode(phone.code) : bindEncrypted(phone));
}

async function sessions() {
  return (await request({ path: '/v1/sessions', repeatable: true })).sessions;
}

// 重发时也许已经没有了，那就是结束了。
async function endSession(id) {
  try {
    await request({ method: 'DELETE', path: `/v1/sessions/${id}`, repeatable: true });
  } catch (error) {
    if (error.code !== 'not_found') throw error;
  }
}

// 退出本机，没有网络也算退出；退出所有设备要确知成了。
async function logout(all) {
  try {
    await request({ method: 'POST', path: '/v1/logout', data: { all }, repeatable: all });
  } catch (error) {
    if (all && error.code !== 'login_required') throw error;
  }
  session.end();
}

async function deleteAccount() {
  await request({ method: 'DELETE', path: '/v1/me' });
  session.end();
}

module.exports = {
  login,
  register,
  me,
  saveProfile,
  bindPhone,
  sessions,
  endSession,
  logout,
  deleteAccount,
};
