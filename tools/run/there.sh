# Runs on the other machine, in the project's folder there: sh -s -- ACTION FOLDER JOB [...] < there.sh
# A job is a folder below state/run/: pid (of its session), log, rc (its exit code, once it has ended).
set -eu
action=$1 folder=$2 job=state/run/$3
unset SSH_CLIENT SSH2_CLIENT SSH_CONNECTION  # they make bash read .bashrc, and with it another PATH
case $folder in /*) ;; *) folder=$HOME/$folder ;; esac
lock=state/run/lock  # held by the shell of the job that runs, and freed by the system however that ends

running() { [ -f "$job/pid" ] && ! flock -n "$job/alive" true; }

case $action in
prepare)
    mkdir -p "$folder/state/run" "$folder/outputs" "$folder/reports"
    command -v rsync setsid flock timeout >/dev/null || { echo "rsync, setsid, flock or timeout is missing"; exit 69; }
    ;;
start)  # SECONDS SETUP COMMAND IDLE_SECONDS AT_IDLE
    cd "$folder"
    mkdir -p "$job"
    running && exit 0
    flock -n "$lock" true || { cat state/run/holder 2>/dev/null || true; exit 75; }
    rm -f "$job/rc" "$job/pid"
    seconds=$4 setup=$5 command=$6 idle=$7 at_idle=$8
    export job lock seconds setup command idle at_idle
    setsid -f sh -c '
        exec 8>"$job/alive" 9>"$lock"
        flock -n 8 && flock -n 9 || exit 0
        trap "stopped=1" TERM  # the stage saves its state and ends; the exit code is still noted
        echo "$job" >state/run/holder
        : >"$job/log"
        echo $$ >"$job/pid"
        PATH=$HOME/.local/bin:$PATH
        code=0
        { sh -c "$setup" && PATH=$PWD/.venv/bin:$PATH timeout --kill-after=120 "$seconds" sh -c "$command"; } \
            >>"$job/log" 2>&1 8>&- 9>&- </dev/null || code=$?
        [ "$code" = 124 ] && echo "stopped: it ran for $seconds seconds, the limit" >>"$job/log"
        echo "$code" >"$job/rc.new"
        mv "$job/rc.new" "$job/rc"
        exec 8>&- 9>&-
        [ -z "$at_idle" ] || setsid -f sh -c "
            sleep \"\$idle\"
            [ \"\$(cat state/run/holder)\" = \"\$job\" ] && flock -n \"\$lock\" sh -c \"\$at_idle\" >>\"\$job/log\" 2>&1
        "
    ' >/dev/null 2>&1 </dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10; do [ -f "$job/pid" ] && exit 0; sleep 0.2; done
    echo "the job did not start"; exit 70
    ;;
call)  # SETUP COMMAND, in sight; no job
    cd "$folder"
    PATH=$HOME/.local/bin:$PATH
    sh -c "$4" </dev/null
    PATH=$PWD/.venv/bin:$PATH
    exec sh -c "$5" </dev/null
    ;;
follow)  # BYTES already seen
    cd "$folder"
    pid=$(cat "$job/pid")
    tail -c "+$(($4 + 1))" -f --pid="$pid" "$job/log" 2>/dev/null
    ;;
state)  # running, ended CODE, or gone
    cd "$folder"
    if running; then echo running; elif [ -f "$job/rc" ]; then echo "ended $(cat "$job/rc")"; else echo gone; fi
    ;;
jobs)  # all of them, a line each: name, state, last line of the log
    cd "$folder" 2>/dev/null || exit 0
    for pid in state/run/*/pid; do
        job=${pid%/pid}
        [ -f "$pid" ] || continue
        if running; then state=running; elif [ -f "$job/rc" ]; then state="ended $(cat "$job/rc")"; else state=gone; fi
        echo "${job#state/run/}	$state	$(tail -n 1 "$job/log" | tail -c 200)"
    done
    ;;
stop)  # the one that runs: the stage saves what it has, and ends
    cd "$folder"
    job=$(cat state/run/holder)
    running || { echo "nothing runs"; exit 0; }
    pkill -TERM -x -s "$(cat "$job/pid")" timeout && echo "${job#state/run/}"
    ;;
*)
    echo "unknown action $action"; exit 64
    ;;
esac
