// 提示，和“正在做，别再点”。
function toast(title) {
  wx.showToast({ title, icon: 'none', duration: 2500 });
}

const TOAST_CHARS = 20; // 更长的话 toast 显示不全

function showError(error) {
  const text = error.message || '出错了，请重试';
  if (text.length <= TOAST_CHARS) toast(text);
  else wx.showModal({ content: text, showCancel: false });
}

// 做一件事：其间页面（或组件）的 data.busy 为真，再点无效；错误给用户看。没有成则给出 undefined。
async function run(owner, title, work) {
  if (owner.data.busy) return undefined;
  let result;
  let failed = null;
  owner.setData({ busy: true });
  wx.showLoading({ title, mask: true });
  try {
    result = await work();
  } catch (error) {
    failed = error;
  }
  wx.hideLoading(); // 它会连 toast 一起收起，所以提示在它之后
  owner.setData({ busy: false });
  if (failed) showError(failed);
  return result;
}

function confirm(content) {
  return new Promise((resolve) => {
    wx.showModal({
      content,
      success: (res) => resolve(Boolean(res.confirm)),
      fail: () => resolve(false),
    });
  });
}

module.exports = { toast, showError, run, confirm };
