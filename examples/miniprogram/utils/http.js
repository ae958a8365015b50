// 收发：一个请求在什么情况下可以重发，服务端要求等待时怎样等待。不知道会话和登录。
const config = require('../config');
const ApiError = require('./error');

const REPEAT_DELAYS_MS = [500, 1500, 4000]; // 应答丢失后，第几次重发之前等多久
const WAIT_MAX_S = 3; // 服务端要求等待不超过这么久时，替用户等

const blockedUntil = {}; // "POST /v1/phone" → 在那之前不再发

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function send(options, token) {
  const header = { 'content-type': 'application/json' };
  if (token) header.Authorization = `Bearer ${token}`;
  return new Promise((resolve, reject) => {
    wx.request({
      url: config.baseUrl + options.path,
      method: options.method || 'GET',
      data: options.data,
      header,
      timeout: config.timeoutMs,
      success: resolve,
      fail: (fail) => reject(ApiError.fromFail(fail)),
    });
  });
}

function nameOf(options) {
  return `${options.method || 'GET'} ${options.path}`;
}

function refuseWhileBlocked(options) {
  const leftMs = (blockedUntil[nameOf(options)] || 0) - Date.now();
  if (leftMs <= 0) return;
  const seconds = Math.ceil(leftMs / 1000);
  throw new ApiError('too_many_requests', `操作过于频繁，请 ${seconds} 秒后再试`, {
    status: 429,
    retryAfterS: seconds,
  });
}

// 重发之前要等多久；undefined = 不可重发。
function delayBeforeRepeat(options, error, tries) {
  if (error.noAnswer) {
    const delay = REPEAT_DELAYS_MS[tries.lost];
    const inWindow = Date.now() + delay - tries.since < config.replayWindowMs;
    return options.repeatable && inWindow ? delay : undefined;
  }
  const shortWait = error.retryAfterS > 0 && error.retryAfterS <= WAIT_MAX_S;
  return shortWait && !tries.waited ? error.retryAfterS * 1000 : undefined;
}

function note(options, error, tries) {
  if (error.retryAfterS > 0) {
    blockedUntil[nameOf(options)] = Date.now() + error.retryAfterS * 1000;
  }
  return Object.assign(error, { lostBefore: tries.lost });
}

// 发出请求，给出应答的内容，否则抛出 ApiError。options：
//   method, path, data
//   repeatable  应答丢失后可以原样重发：读取，以及服务端认得出重发的请求（登录、注册）
// 一次性的 code 从不换个请求再用；重发的是同一个请求。
async function exchange(options, token) {
  const tries = { since: Date.now(), lost: 0, waited: false };
  refuseWhileBlocked(options);
  for (;;) {
    let error;
    try {
      const response = await send(options, token);
      if (response.statusCode >= 200 && response.statusCode < 300) return response.data;
      error = ApiError.fromResponse(response);
    } catch (failed) {
      error = failed;
    }
    const delay = delayBeforeRepeat(options, error, tries);
    if (delay === undefined) throw note(options, error, tries);
    if (error.noAnswer) tries.lost += 1;
    else tries.waited = true;
    await sleep(delay);
  }
}

module.exports = { exchange };
