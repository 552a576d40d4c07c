/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* The page reads itself again and puts in what has changed. There is one renderer, the broker's: what
 * stands here after a minute is what a reload would show. Without scripts the page reloads itself. */
"use strict";
(function () {
	var live = document.querySelectorAll("[data-live]");
	var period = 2000;

	function refresh() {
		if (document.hidden)
			return;
		fetch(location.href, { cache: "no-store", credentials: "same-origin" }).then(function (answer) {
			document.documentElement.toggleAttribute("data-stale", !answer.ok);
			return answer.ok ? answer.text() : null;
		}).then(function (text) {
			if (!text)
				return;
			var fresh = new DOMParser().parseFromString(text, "text/html");
			live.forEach(function (old) {
				var now = fresh.getElementById(old.id);
				/* what somebody has marked or stands in stays as it is for now */
				if (!now || old.contains(document.activeElement))
					return;
				old.className = now.className;
				if (old.innerHTML !== now.innerHTML)
					old.innerHTML = now.innerHTML;
			});
		}).catch(function () {
			document.documentElement.toggleAttribute("data-stale", true);
		});
	}
	if (live.length)
		setInterval(refresh, period);
})();
